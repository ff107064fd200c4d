resource "aws_s3_bucket" "failover" {
  #checkov:skip=CKV_AWS_18:same reason as for the source bucket
  #checkov:skip=CKV_AWS_145:same reason as for the source bucket
  #checkov:skip=CKV_AWS_144:this is the replica
  #checkov:skip=CKV2_AWS_62:same reason as for the source bucket
  #checkov:skip=CKV2_AWS_61:same reason as for the source bucket; where the source expires, so does the replica

  count    = var.replicate ? 1 : 0
  provider = aws.failover

  bucket = local.failover_name
}

resource "aws_s3_bucket_versioning" "failover" {
  count    = var.replicate ? 1 : 0
  provider = aws.failover

  bucket = aws_s3_bucket.failover[0].id

  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "failover" {
  count    = var.replicate ? 1 : 0
  provider = aws.failover

  bucket = aws_s3_bucket.failover[0].id

  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}

resource "aws_s3_bucket_public_access_block" "failover" {
  count    = var.replicate ? 1 : 0
  provider = aws.failover

  bucket                  = aws_s3_bucket.failover[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "failover" {
  count    = var.replicate ? 1 : 0
  provider = aws.failover

  bucket = aws_s3_bucket.failover[0].id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{
    Sid       = "DenyPlainHttp"
    Effect    = "Deny"
    Principal = { AWS = "*" }
    Action    = "s3:*"
    Resource  = ["arn:aws:s3:::${local.failover_name}", "arn:aws:s3:::${local.failover_name}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }] })
}

resource "aws_s3_bucket_cors_configuration" "failover" {
  count    = var.replicate && var.cors_enabled ? 1 : 0
  provider = aws.failover

  bucket = aws_s3_bucket.failover[0].id

  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
    allowed_headers = local.cors_headers
    max_age_seconds = 7200
  }
}

# Replication does not copy lifecycle rules: without this one, replicas would never expire.
resource "aws_s3_bucket_lifecycle_configuration" "failover" {
  count    = var.replicate && var.expire_after_days != null ? 1 : 0
  provider = aws.failover

  bucket = aws_s3_bucket.failover[0].id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload { days_after_initiation = 7 }

    expiration { days = var.expire_after_days }

    noncurrent_version_expiration { noncurrent_days = var.noncurrent_days }
  }

  rule {
    id     = "delete-markers"
    status = "Enabled"

    filter {}

    expiration { expired_object_delete_marker = true }
  }
}

resource "aws_iam_role" "replication" {
  count = var.replicate ? 1 : 0

  name                 = "${var.name}-replication"
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "s3.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "replication" {
  count = var.replicate ? 1 : 0

  name = "replicate"
  role = aws_iam_role.replication[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetReplicationConfiguration", "s3:ListBucket"], Resource = "arn:aws:s3:::${var.name}" },
      { Effect = "Allow", Resource = "arn:aws:s3:::${var.name}/*", Action = [
        "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging",
      ] },
      { Effect = "Allow", Resource = "arn:aws:s3:::${local.failover_name}/*", Action = [
        "s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags",
      ] },
    ]
  })
}

resource "aws_s3_bucket_replication_configuration" "this" {
  count = var.replicate ? 1 : 0

  bucket = aws_s3_bucket.this.id
  role   = aws_iam_role.replication[0].arn

  rule {
    id     = "failover"
    status = "Enabled"

    filter {}

    delete_marker_replication { status = "Enabled" }

    destination {
      bucket        = aws_s3_bucket.failover[0].arn
      storage_class = "STANDARD"
    }
  }

  # S3 accepts the configuration only when both buckets have versioning. Without the role's policy the first objects would
  # fail to replicate, and S3 does not retry.
  depends_on = [aws_s3_bucket_versioning.this, aws_s3_bucket_versioning.failover, aws_iam_role_policy.replication]
}
