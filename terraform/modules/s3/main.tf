locals {
  content_types = { html = "text/html; charset=utf-8", txt = "text/plain; charset=utf-8" }
  failover_name = "${var.name}-failover"
  cors_headers  = ["X-Correlation-Id"]

  tls_statement = {
    Sid       = "DenyPlainHttp"
    Effect    = "Deny"
    Principal = { AWS = "*" }
    Action    = "s3:*"
    Resource  = ["arn:aws:s3:::${var.name}", "arn:aws:s3:::${var.name}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
  policy_statements = concat(var.require_tls ? [local.tls_statement] : [], var.policy_statements)
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:object access is recorded by CloudTrail data events, if the account owner enables them
  #checkov:skip=CKV_AWS_145:encrypted with S3-managed keys: a customer-managed key would need grants in two regions and can be lost
  #checkov:skip=CKV2_AWS_62:nothing consumes bucket events: the function that writes an object publishes the event
  #checkov:skip=CKV2_AWS_61:buckets without expiry hold few objects, and a rollback needs their old versions

  bucket = var.name
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  count = length(local.policy_statements) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.policy_statements })
}

# When the API redirects a page to an object, the browser sends the origin `null` (Fetch Standard, HTTP-redirect fetch),
# so no origin can be named here. The signature in the URL is what permits the read.
resource "aws_s3_bucket_cors_configuration" "this" {
  count = var.cors_enabled ? 1 : 0

  bucket = aws_s3_bucket.this.id

  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
    # Those that a page may have sent to the API, and the browser repeats.
    allowed_headers = local.cors_headers
    max_age_seconds = 7200
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.archive_after_days == null && var.expire_after_days == null ? 0 : 1

  bucket = aws_s3_bucket.this.id
  # By default S3 never moves objects below 128 KB.
  transition_default_minimum_object_size = var.archive_after_days == null ? null : "varies_by_storage_class"

  rule {
    id     = "archive-then-expire"
    status = "Enabled"

    filter {}

    # The parts of an interrupted upload cost money and are not listed.
    abort_incomplete_multipart_upload { days_after_initiation = 7 }

    dynamic "transition" {
      for_each = var.archive_after_days == null ? [] : [var.archive_after_days]
      content {
        days          = transition.value
        storage_class = "GLACIER"
      }
    }

    dynamic "expiration" {
      for_each = var.expire_after_days == null ? [] : [var.expire_after_days]
      content { days = expiration.value }
    }

    # In a versioned bucket expiration only adds a delete marker; this deletes the object itself.
    dynamic "noncurrent_version_expiration" {
      for_each = var.expire_after_days == null ? [] : [var.noncurrent_days]
      content { noncurrent_days = noncurrent_version_expiration.value }
    }
  }

  # A separate rule: S3 does not accept it together with an expiration in days.
  rule {
    id     = "delete-markers"
    status = "Enabled"

    filter {}

    expiration { expired_object_delete_marker = true }
  }
}

resource "aws_s3_object" "this" {
  for_each = var.objects_dir == null ? toset([]) : fileset(var.objects_dir, var.objects_pattern)

  bucket       = aws_s3_bucket.this.id
  key          = each.value
  source       = "${var.objects_dir}/${each.value}"
  etag         = filemd5("${var.objects_dir}/${each.value}")
  content_type = lookup(local.content_types, reverse(split(".", each.value))[0], "application/octet-stream")

  # An object that is written before versioning is enabled has no version to roll back to. S3 replicates only objects that
  # are written after the replication rule exists.
  depends_on = [aws_s3_bucket_versioning.this, aws_s3_bucket_replication_configuration.this]
}
