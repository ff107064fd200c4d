# Module s3: versions, encryption, public access, TLS, lifecycle, replica.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::536580886816:role/role"
    }
  }
}

mock_provider "aws" {
  alias = "failover"

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::copy"
    }
  }
}

variables {
  name                 = "bbws-orders-prod"
  expire_after_days    = 2557
  replicate            = true
  permissions_boundary = "arn:aws:iam::536580886816:policy/boundary"
}

run "the_orders_bucket" {
  module {
    source = "./modules/s3"
  }
  providers = {
    aws          = aws
    aws.failover = aws.failover
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket must keep versions."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    error_message = "All public access must be blocked."
  }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.this) == 0 && length(aws_s3_bucket_cors_configuration.failover) == 0
    error_message = "Pages must not read a bucket unless cors_enabled is set."
  }

  assert {
    condition     = length(aws_s3_bucket_server_side_encryption_configuration.this.rule) == 1
    error_message = "The bucket must be encrypted."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this[0].policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.this[0].policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "The bucket must deny plain HTTP."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this[0].rule[0].transition) == 0
    error_message = "Objects must stay in S3 unless archive_after_days is set."
  }

  assert {
    condition = alltrue([for configuration in [aws_s3_bucket_lifecycle_configuration.this[0], aws_s3_bucket_lifecycle_configuration.failover[0]] :
      configuration.rule[0].expiration[0].days == 2557 && configuration.rule[0].noncurrent_version_expiration[0].noncurrent_days == 30 && configuration.rule[1].expiration[0].expired_object_delete_marker
    ])
    error_message = "Objects, their versions and their delete markers must be gone 30 days after expiry, in both regions."
  }
}

run "a_bucket_that_pages_read" {
  command = plan
  module {
    source = "./modules/s3"
  }
  providers = {
    aws          = aws
    aws.failover = aws.failover
  }
  variables {
    cors_enabled = true
  }

  assert {
    condition = alltrue([for rule in concat(tolist(aws_s3_bucket_cors_configuration.this[0].cors_rule), tolist(aws_s3_bucket_cors_configuration.failover[0].cors_rule)) :
      rule.allowed_methods == toset(["GET"]) && rule.allowed_origins == toset(["*"])
    ])
    error_message = "In both regions, pages must be able to read by a presigned URL, and nothing else."
  }
}

run "a_bucket_with_an_archive" {
  module {
    source = "./modules/s3"
  }
  providers = {
    aws          = aws
    aws.failover = aws.failover
  }
  variables {
    archive_after_days = 730
  }

  assert {
    condition     = [for transition in aws_s3_bucket_lifecycle_configuration.this[0].rule[0].transition : [transition.days, transition.storage_class]] == [[730, "GLACIER"]] && aws_s3_bucket_lifecycle_configuration.this[0].transition_default_minimum_object_size == "varies_by_storage_class"
    error_message = "Objects below 128 KB must move to Glacier too."
  }
}
