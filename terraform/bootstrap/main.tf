# What an account needs before the first deployment: buckets for states and releases, and roles for GitHub.

module "state_bucket" {
  source    = "../modules/s3"
  providers = { aws = aws, aws.failover = aws.failover }

  name                 = local.state_bucket
  permissions_boundary = null
}

# The fail-over deployment has its own state: it must be readable when the home region is lost.
module "failover_state_bucket" {
  source    = "../modules/s3"
  count     = local.failover ? 1 : 0
  providers = { aws = aws.failover, aws.failover = aws.failover }

  name                 = "${local.state_bucket}-failover"
  permissions_boundary = null
}

module "releases_bucket" {
  source    = "../modules/s3"
  providers = { aws = aws, aws.failover = aws.failover }

  name      = local.releases_bucket
  replicate = local.failover
  # Without the functions' boundary, the deployment role cannot change the replication role.
  permissions_boundary = null
  policy_statements    = local.next == null ? [] : [local.next_environment_statement]
}

locals {
  next_account = lookup(local.accounts, coalesce(local.next, "none"), "")
  # The principal is the account and the role a condition, because a policy cannot name a role that does not exist yet.
  next_environment_statement = {
    Sid       = "NextEnvironment"
    Effect    = "Allow"
    Principal = { AWS = "arn:aws:iam::${local.next_account}:root" }
    # Without ListBucket a missing key gives 403 instead of 404.
    Action    = ["s3:GetObject", "s3:ListBucket"]
    Resource  = ["arn:aws:s3:::${local.releases_bucket}", "arn:aws:s3:::${local.releases_bucket}/*"]
    Condition = { ArnEquals = { "aws:PrincipalArn" = [for suffix in ["", "-drift"] : "arn:aws:iam::${local.next_account}:role/github-2-bbws-order-lambda-${coalesce(local.next, "none")}${suffix}"] } }
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

# API Gateway creates this role with the caller's permissions when a stage first enables tracing. The deployment role lacks them.
resource "aws_iam_service_linked_role" "api_gateway" {
  aws_service_name = "ops.apigateway.amazonaws.com"
}

locals {
  # Trust one GitHub environment. GitHub starts the job there only after the environment's approvals.
  trust = { for job in [var.environment, "${var.environment}-drift"] : job => {
    Sid       = "GitHubEnvironment"
    Effect    = "Allow"
    Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
    Action    = "sts:AssumeRoleWithWebIdentity"
    Condition = {
      StringEquals = {
        "${local.issuer}:aud" = "sts.amazonaws.com"
        "${local.issuer}:sub" = "${var.subject_prefix}:environment:${job}"
        # After a rename or deletion another repository can take the name, but never the id.
        "${local.issuer}:repository_id" = var.repository_id
      }
    }
  } }

  # People who deploy in an incident. The principal is the account, because Identity Center may recreate its roles.
  operator_principals = { AWS = "${local.iam}:root" }
  operator_roles = {
    Sid       = "OperatorRoles"
    Effect    = "Allow"
    Principal = local.operator_principals
    Action    = "sts:AssumeRole"
    # Without aws:MultiFactorAuthPresent: sessions of Identity Center, which checks MFA itself, do not have the key.
    Condition = { ArnEquals = { "aws:PrincipalArn" = var.operator_role_arns } }
  }
  operator_users = {
    Sid       = "OperatorUsers"
    Effect    = "Allow"
    Principal = local.operator_principals
    Action    = "sts:AssumeRole"
    Condition = {
      ArnEquals = { "aws:PrincipalArn" = var.operator_user_arns }
      Bool      = { "aws:MultiFactorAuthPresent" = "true" }
    }
  }
  operators = concat(
    [for statement in [local.operator_roles] : statement if length(var.operator_role_arns) > 0],
    [for statement in [local.operator_users] : statement if length(var.operator_user_arns) > 0],
  )
}

resource "aws_iam_role" "deployment" {
  name                 = local.role_name
  description          = "GitHub Actions of ${local.repository}, environment ${var.environment}: deploys the Order service."
  max_session_duration = 3600
  permissions_boundary = aws_iam_policy.deployment_boundary.arn
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = concat([local.trust[var.environment]], local.operators) })
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
