output "arn" {
  description = "ARN of the domain identity."
  value       = aws_ses_domain_identity.this.arn
}
