output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "role_boundary" {
  description = "ARN of the policy that caps the replication role; null for none."
  value       = one(aws_iam_role.replication[*].permissions_boundary)
}
