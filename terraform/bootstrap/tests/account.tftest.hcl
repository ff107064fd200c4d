# Any account: run with -var-file=env/{environment}.tfvars, once for each.

mock_provider "aws" {
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::000000000000:policy/mocked" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/mocked" }
  }
}

mock_provider "aws" {
  alias = "failover"

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::mocked" }
  }
}

variables {
  repository = "kimmyai/orders"
}

run "the_account" {
  assert {
    condition = jsondecode(aws_iam_role.deployment.assume_role_policy).Statement == [{
      Sid       = "WorkflowOfTheEnvironment"
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:kimmyai/orders:environment:${var.environment}"
        }
      }
    }]
    error_message = "The role is for jobs of this repository's environment, and for nobody else."
  }

  assert {
    condition     = aws_iam_role.deployment.name == "github-2-bbws-order-lambda-${var.environment}" && aws_iam_role.deployment.max_session_duration == 3600
    error_message = "R1: the role has this name, and a session of an hour."
  }

  assert {
    condition     = aws_iam_role.deployment.permissions_boundary == aws_iam_policy.deployment_boundary.arn && aws_iam_policy.deployment_boundary.name == "bbws-order-lambda-deployment-boundary-${var.environment}"
    error_message = "The role has its boundary."
  }

  assert {
    condition = alltrue([
      for policy in concat(values(aws_iam_policy.deployment), [aws_iam_policy.deployment_boundary, aws_iam_policy.function_boundary]) : length(policy.policy) <= 6144
    ])
    error_message = "IAM takes no policy of more than 6,144 characters."
  }

  assert {
    condition     = aws_iam_role.drift.name == "github-2-bbws-order-lambda-${var.environment}-drift" && aws_iam_role.drift.max_session_duration == 3600
    error_message = "The role is named after its environment of GitHub, and has a session of an hour."
  }

  assert {
    condition     = jsondecode(aws_iam_role.drift.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:kimmyai/orders:environment:${var.environment}-drift"
    error_message = "It is for jobs of the environment that nobody approves, and for no others."
  }

  assert {
    condition = alltrue([
      for action in flatten([for statement in jsondecode(aws_iam_policy.drift.policy).Statement : statement.Action]) :
      can(regex(":(Get|List|Describe)", action)) || contains(["apigateway:GET", "sns:Publish"], action)
    ])
    error_message = "It reads, and publishes to the alerts; it changes nothing."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_policy.drift.policy).Statement : [
        for action in statement.Action : !startswith(action, "dynamodb:GetItem") && !startswith(action, "dynamodb:Query")
      ]
    ]))
    error_message = "It reads no order."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_policy.drift.policy).Statement : statement.Resource if statement.Sid == "ReleasesOfTheEnvironmentBefore"
    ]) == { dev = [], sit = ["arn:aws:s3:::bbws-releases-dev/*"], prod = ["arn:aws:s3:::bbws-releases-sit/*"] }[var.environment]
    error_message = "It reads the release that waits for an approval, in the bucket of the environment before."
  }

  assert {
    condition     = length(aws_iam_policy.drift.policy) <= 6144
    error_message = "IAM takes no policy of more than 6,144 characters."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_policy.deployment : [
      for statement in jsondecode(policy.policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, ":*")]
    ]]))
    error_message = "No grant is of a whole service."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_policy.deployment : [
      for statement in jsondecode(policy.policy).Statement : [
        for resource in flatten([statement.Resource]) : !strcontains(resource, "bbws-releases") && !strcontains(resource, "terraform-state")
      ] if anytrue([for action in flatten([statement.Action]) : startswith(action, "s3:Delete")])
    ]]))
    error_message = "What is in the release and state buckets is never removed."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_policy.deployment : [
      for statement in jsondecode(policy.policy).Statement : statement.Condition.StringEquals["iam:PermissionsBoundary"] == "arn:aws:iam::${var.account_id}:policy/bbws-order-lambda-function-boundary-${var.environment}"
      if contains(flatten([statement.Action]), "iam:CreateRole") || contains(flatten([statement.Action]), "iam:PutRolePolicy") || contains(flatten([statement.Action]), "iam:AttachRolePolicy")
    ]]))
    error_message = "Only roles that have the functions' boundary are made or given rights."
  }

  assert {
    condition = alltrue(flatten([for policy in concat(values(aws_iam_policy.deployment), [aws_iam_policy.deployment_boundary]) : [
      for environment, account in { dev = "536580886816", sit = "815856636111", prod = "093646564004" } : environment == var.environment || !strcontains(policy.policy, account)
    ]]))
    error_message = "The role's policies name no other account."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.deployment["states-and-releases"].policy).Statement : statement.Resource if statement.Sid == "ReleasesOfTheEnvironmentBefore"
    ] == { dev = [], sit = [["arn:aws:s3:::bbws-releases-dev/*"]], prod = [["arn:aws:s3:::bbws-releases-sit/*"]] }[var.environment]
    error_message = "The role reads the releases of the environment before, and of no other."
  }

  assert {
    condition     = contains(keys(aws_iam_policy.deployment), "tests") == (var.environment != "prod")
    error_message = "End-to-end tests write in dev and sit, never in prod."
  }

  assert {
    condition = [
      for statement in jsondecode(module.releases_bucket.policy).Statement : [statement.Principal.AWS, statement.Condition.ArnEquals["aws:PrincipalArn"]] if statement.Effect == "Allow"
      ] == {
      dev = [["arn:aws:iam::815856636111:root", [
        for suffix in ["", "-drift"] : "arn:aws:iam::815856636111:role/github-2-bbws-order-lambda-sit${suffix}"
      ]]]
      sit = [["arn:aws:iam::093646564004:root", [
        for suffix in ["", "-drift"] : "arn:aws:iam::093646564004:role/github-2-bbws-order-lambda-prod${suffix}"
      ]]]
      prod = []
    }[var.environment]
    error_message = "The next environment's roles read the releases, and nobody else of another account."
  }

  assert {
    condition = alltrue([
      for policy in [module.releases_bucket.policy, module.state_bucket.policy] : length([
        for statement in jsondecode(policy).Statement : statement if statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ]) == 1
    ])
    error_message = "Both buckets refuse plain HTTP."
  }

  assert {
    condition     = [length(module.failover_state_bucket), length(module.failover_lock_table), contains(local.releases_bucket_arns, "arn:aws:s3:::bbws-releases-prod-failover") ? 1 : 0] == (var.environment == "prod" ? [1, 1, 1] : [0, 0, 0])
    error_message = "R1: prod alone has a fail-over."
  }

  assert {
    condition     = (module.releases_bucket.failover_bucket == "bbws-releases-prod-failover") == (var.environment == "prod")
    error_message = "R1: the releases of prod, and no others, are copied to eu-west-1."
  }
}
