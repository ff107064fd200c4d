output "arn" {
  description = "ARN of the domain's identity."
  value       = aws_ses_domain_identity.this.arn
}
