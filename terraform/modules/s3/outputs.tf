output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "role_boundary" {
  description = "Permissions boundary of the replication role; null for none."
  value       = one(aws_iam_role.replication[*].permissions_boundary)
}

output "policy" {
  description = "Bucket policy, as JSON; null for none."
  value       = one(aws_s3_bucket_policy.this[*].policy)
}

output "failover_bucket" {
  description = "Name of the replica bucket in the fail-over region; null for none."
  value       = one(aws_s3_bucket.failover[*].bucket)
}
