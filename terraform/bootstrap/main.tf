# What an account needs before the first deployment: buckets for states and releases, and roles for GitHub.

module "state_bucket" {
  source = "../modules/s3"
  providers = {
    aws          = aws
    aws.failover = aws.failover
  }

  name                 = local.state_bucket
  permissions_boundary = null
}

module "lock_table" {
  source = "../modules/dynamodb"

  name     = local.lock_table
  hash_key = "LockID"
}

# The fail-over deployment has its own state: it must be readable when the home region is lost.
module "failover_state_bucket" {
  source = "../modules/s3"
  count  = local.failover ? 1 : 0
  providers = {
    aws          = aws.failover
    aws.failover = aws.failover
  }

  name                 = "${local.state_bucket}-failover"
  permissions_boundary = null
}

module "failover_lock_table" {
  source    = "../modules/dynamodb"
  count     = local.failover ? 1 : 0
  providers = { aws = aws.failover }

  name     = local.lock_table
  hash_key = "LockID"
}

module "releases_bucket" {
  source = "../modules/s3"
  providers = {
    aws          = aws
    aws.failover = aws.failover
  }

  name      = local.releases_bucket
  replicate = local.failover
  # Without the functions' boundary, the deployment role cannot change the replication role.
  permissions_boundary = null
  policy_statements    = local.next == null ? [] : [local.next_environment_statement]
}

locals {
  # The principal is the account and the role a condition, because a policy cannot name a role that does not exist yet.
  next_environment_statement = {
    Sid       = "NextEnvironment"
    Effect    = "Allow"
    Principal = { AWS = "arn:aws:iam::${lookup(local.accounts, coalesce(local.next, "none"), "")}:root" }
    # Without ListBucket a missing key gives 403 instead of 404.
    Action    = ["s3:GetObject", "s3:ListBucket"]
    Resource  = ["arn:aws:s3:::${local.releases_bucket}", "arn:aws:s3:::${local.releases_bucket}/*"]
    Condition = { ArnEquals = { "aws:PrincipalArn" = [for suffix in ["", "-drift"] : "arn:aws:iam::${lookup(local.accounts, coalesce(local.next, "none"), "")}:role/github-2-bbws-order-lambda-${coalesce(local.next, "none")}${suffix}"] } }
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  # Trust one GitHub environment. GitHub starts the job there only after the environment's approvals.
  trust = { for job in [var.environment, "${var.environment}-drift"] : job => jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "GitHubEnvironment"
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "repo:${var.repository}:environment:${job}"
        }
      }
    }]
  }) }
}

resource "aws_iam_role" "deployment" {
  name                 = local.role_name
  description          = "GitHub Actions of ${var.repository}, environment ${var.environment}: deploys the Order service."
  max_session_duration = 3600
  permissions_boundary = aws_iam_policy.deployment_boundary.arn
  assume_role_policy   = local.trust[var.environment]
}

resource "aws_iam_policy" "deployment" {
  for_each = local.deployment_statements

  name        = "bbws-order-lambda-deployment-${each.key}-${var.environment}"
  description = "Permissions of ${local.role_name}: ${replace(each.key, "-", " ")}."
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "deployment" {
  for_each = aws_iam_policy.deployment

  role       = aws_iam_role.deployment.name
  policy_arn = each.value.arn
}
