# What one account needs before anything is deployed to it: places for states and releases, and GitHub's way in.

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

# The state of a deployment to the fail-over region is its own: it must be there when the home region is not.
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
  # Without the functions' boundary, the deployment role cannot touch the role that replicates.
  permissions_boundary = null
  policy_statements    = local.next == null ? [] : [local.next_reads]
}

locals {
  # The account is the principal and the role a condition, since a policy cannot name a role that does not exist yet.
  next_reads = {
    Sid       = "NextEnvironmentReads"
    Effect    = "Allow"
    Principal = { AWS = "arn:aws:iam::${lookup(local.accounts, coalesce(local.next, "none"), "")}:root" }
    # Without ListBucket a key that is missing would be 403 and not 404.
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
  # Who gets a role: a job in one environment of GitHub, which lets it in only after the environment's approvals.
  trust = { for job in [var.environment, "${var.environment}-drift"] : job => jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WorkflowOfTheEnvironment"
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
  description          = "GitHub Actions of ${var.repository}, in environment ${var.environment}, deploys the Order service."
  max_session_duration = 3600
  permissions_boundary = aws_iam_policy.deployment_boundary.arn
  assume_role_policy   = local.trust[var.environment]
}

resource "aws_iam_policy" "deployment" {
  for_each = local.deployment_statements

  name        = "bbws-order-lambda-deployment-${each.key}-${var.environment}"
  description = "What ${local.role_name} may do: ${replace(each.key, "-", " ")}."
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "deployment" {
  for_each = aws_iam_policy.deployment

  role       = aws_iam_role.deployment.name
  policy_arn = each.value.arn
}
