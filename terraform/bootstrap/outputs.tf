output "role_arn" {
  description = "ARN of the role that GitHub's workflows take on."
  value       = aws_iam_role.deployment.arn
}

output "state_bucket" {
  description = "Name of the bucket that holds Terraform's states."
  value       = local.state_bucket
}

output "releases_bucket" {
  description = "Name of the release bucket."
  value       = local.releases_bucket
}
