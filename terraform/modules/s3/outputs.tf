output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "role_boundary" {
  description = "ARN of the policy that caps the replication role; null for none."
  value       = one(aws_iam_role.replication[*].permissions_boundary)
}

output "policy" {
  description = "The bucket's policy, as JSON; null for none."
  value       = one(aws_s3_bucket_policy.this[*].policy)
}

output "failover_bucket" {
  description = "Name of the bucket in the fail-over region that objects are copied to; null for none."
  value       = one(aws_s3_bucket.failover[*].bucket)
}
