output "role_arn" {
  description = "ARN of the deployment role."
  value       = aws_iam_role.deployment.arn
}

output "state_bucket" {
  description = "Name of the bucket for Terraform state."
  value       = local.state_bucket
}

output "releases_bucket" {
  description = "Name of the release bucket."
  value       = local.releases_bucket
}
