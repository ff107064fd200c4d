# One account. Run once per environment, with -var-file=env/{environment}.tfvars.

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
  subject_prefix = "repo:kimmyai@5544123/orders@821093847"
  repository_id  = "821093847"
  hosted_zone_id = "Z0123456789ABCDEFGHIJ"
}

run "the_account" {
  assert {
    condition = jsondecode(aws_iam_role.deployment.assume_role_policy).Statement == [{
      Sid       = "GitHubEnvironment"
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud"           = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub"           = "repo:kimmyai@5544123/orders@821093847:environment:${var.environment}"
          "token.actions.githubusercontent.com:repository_id" = "821093847"
        }
      }
    }]
    error_message = "The role must trust jobs in this environment of this repository, and nobody else."
  }

  assert {
    condition     = aws_iam_role.deployment.name == "github-2-bbws-order-lambda-${var.environment}" && aws_iam_role.deployment.max_session_duration == 3600
    error_message = "The role must have this name and sessions of one hour."
  }

  assert {
    condition     = aws_iam_role.deployment.permissions_boundary == aws_iam_policy.deployment_boundary.arn && aws_iam_policy.deployment_boundary.name == "bbws-order-lambda-deployment-boundary-${var.environment}"
    error_message = "The role must have its boundary."
  }

  assert {
    condition = alltrue([
      for policy in concat(values(aws_iam_policy.deployment), [aws_iam_policy.deployment_boundary, aws_iam_policy.function_boundary]) : length(policy.policy) <= 6144
    ])
    error_message = "IAM rejects policies of more than 6,144 characters."
  }

  assert {
    condition     = aws_iam_role.drift.name == "github-2-bbws-order-lambda-${var.environment}-drift" && aws_iam_role.drift.max_session_duration == 3600
    error_message = "The drift role must have this name and sessions of one hour."
  }

  assert {
    condition     = jsondecode(aws_iam_role.drift.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:kimmyai@5544123/orders@821093847:environment:${var.environment}-drift"
    error_message = "The drift role must trust jobs in {env}-drift only."
  }

  assert {
    condition = alltrue([
      for action in flatten([for statement in jsondecode(aws_iam_policy.drift.policy).Statement : statement.Action]) :
      can(regex(":(Get|List|Describe)", action)) || contains(["apigateway:GET", "budgets:ViewBudget", "sns:Publish"], action)
    ])
    error_message = "The drift role must only read, and publish alerts."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_policy.drift.policy).Statement : [
        for action in statement.Action : !startswith(action, "dynamodb:GetItem") && !startswith(action, "dynamodb:Query")
      ]
    ]))
    error_message = "The drift role must not read orders."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_policy.drift.policy).Statement : statement.Resource if statement.Sid == "PreviousReleases"
    ]) == { dev = [], sit = ["arn:aws:s3:::bbws-releases-dev/*"], prod = ["arn:aws:s3:::bbws-releases-sit/*"] }[var.environment]
    error_message = "The drift role must read the previous environment's releases, for the evidence pack."
  }

  assert {
    condition     = length(aws_iam_policy.drift.policy) <= 6144
    error_message = "IAM rejects policies of more than 6,144 characters."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_policy.deployment : [
      for statement in jsondecode(policy.policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, ":*")]
    ]]))
    error_message = "No statement may allow a whole service."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_policy.deployment : [
      for statement in jsondecode(policy.policy).Statement : [
        for resource in flatten([statement.Resource]) : endswith(resource, "/order-lambda/*.tflock") || (!strcontains(resource, "bbws-releases") && !strcontains(resource, "terraform-state"))
      ] if anytrue([for action in flatten([statement.Action]) : startswith(action, "s3:Delete")])
    ]]))
    error_message = "Nothing but locks may be deleted from the release and state buckets."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_policy.deployment : [
      for statement in jsondecode(policy.policy).Statement : statement.Condition.StringEquals["iam:PermissionsBoundary"] == "arn:aws:iam::${var.account_id}:policy/bbws-order-lambda-function-boundary-${var.environment}"
      if contains(flatten([statement.Action]), "iam:CreateRole") || contains(flatten([statement.Action]), "iam:PutRolePolicy") || contains(flatten([statement.Action]), "iam:AttachRolePolicy")
    ]]))
    error_message = "Only roles with the functions' boundary may be created or given permissions."
  }

  assert {
    condition = alltrue(flatten([for policy in concat(values(aws_iam_policy.deployment), [aws_iam_policy.deployment_boundary]) : [
      for environment, account in { dev = "536580886816", sit = "815856636111", prod = "093646564004" } : environment == var.environment || !strcontains(policy.policy, account)
    ]]))
    error_message = "The role's policies must not name another account."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.deployment["states-and-releases"].policy).Statement : statement.Resource if statement.Sid == "PreviousReleases"
    ] == { dev = [], sit = [["arn:aws:s3:::bbws-releases-dev/*"]], prod = [["arn:aws:s3:::bbws-releases-sit/*"]] }[var.environment]
    error_message = "The role must read the previous environment's releases and no others."
  }

  assert {
    condition     = contains(keys(aws_iam_policy.deployment), "tests") == (var.environment != "prod")
    error_message = "The end-to-end tests must have write permissions in dev and sit only."
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
    error_message = "From other accounts, only the next environment's roles may read the releases."
  }

  assert {
    condition = alltrue([
      for policy in [module.releases_bucket.policy, module.state_bucket.policy] : length([
        for statement in jsondecode(policy).Statement : statement if statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ]) == 1
    ])
    error_message = "Both buckets must deny plain HTTP."
  }

  assert {
    condition     = aws_iam_role.deployment.description == "GitHub Actions of kimmyai/orders, environment ${var.environment}: deploys the Order service."
    error_message = "The role's description must name the repository without its ids."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.deployment["domain-and-budget"].policy).Statement : [statement.Resource, statement.Condition] if statement.Sid == "Records"
      ] == [["arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ", { "ForAllValues:StringLike" = {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames" = [var.domain_name, "_*.${var.domain_name}"]
    } }]]
    error_message = "The role must change only the API's own records of one zone."
  }

  assert {
    condition     = var.domain_name == { dev = "api.dev.kimmyai.io", sit = "api.sit.kimmyai.io", prod = "api.kimmyai.io" }[var.environment]
    error_message = "The API must have its agreed name."
  }

  assert {
    condition     = aws_iam_service_linked_role.api_gateway.aws_service_name == "ops.apigateway.amazonaws.com"
    error_message = "API Gateway's service-linked role must exist: the deployment role may not create it, and tracing needs it."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.function_boundary.policy).Statement : [statement.Action, statement.Condition] if statement.Sid == "EnvironmentVariablesKey"
    ] == [["kms:Decrypt", { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = "alias/aws/lambda" } }]]
    error_message = "The functions' boundary must allow Lambda to decrypt environment variables."
  }

  assert {
    condition     = [length(module.failover_state_bucket), contains(local.releases_bucket_arns, "arn:aws:s3:::bbws-releases-prod-failover") ? 1 : 0] == (var.environment == "prod" ? [1, 1] : [0, 0])
    error_message = "Only prod must have resources in the fail-over region."
  }

  assert {
    condition     = (module.releases_bucket.failover_bucket == "bbws-releases-prod-failover") == (var.environment == "prod")
    error_message = "Only prod's releases must be replicated to eu-west-1."
  }
}

run "a_repository_with_names_in_its_subject" {
  variables {
    subject_prefix = "repo:kimmyai/orders"
  }

  assert {
    condition     = jsondecode(aws_iam_role.deployment.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:kimmyai/orders:environment:${var.environment}"
    error_message = "A repository that still uses names must be trusted by its name."
  }
}

run "operators" {
  variables {
    operator_role_arns = ["arn:aws:iam::${var.account_id}:role/aws-reserved/sso.amazonaws.com/af-south-1/AWSReservedSSO_Operators_0123456789abcdef"]
    operator_user_arns = ["arn:aws:iam::${var.account_id}:user/thandi"]
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role.deployment.assume_role_policy).Statement : [statement.Sid, statement.Action, statement.Principal, statement.Condition] if statement.Sid != "GitHubEnvironment"] == [
      ["OperatorRoles", "sts:AssumeRole", { AWS = "arn:aws:iam::${var.account_id}:root" }, { ArnEquals = { "aws:PrincipalArn" = ["arn:aws:iam::${var.account_id}:role/aws-reserved/sso.amazonaws.com/af-south-1/AWSReservedSSO_Operators_0123456789abcdef"] } }],
      ["OperatorUsers", "sts:AssumeRole", { AWS = "arn:aws:iam::${var.account_id}:root" }, { ArnEquals = { "aws:PrincipalArn" = ["arn:aws:iam::${var.account_id}:user/thandi"] }, Bool = { "aws:MultiFactorAuthPresent" = "true" } }],
    ]
    error_message = "Operators must be able to assume the deployment role: Identity Center roles, and users with MFA."
  }

  assert {
    condition     = length(jsondecode(aws_iam_role.drift.assume_role_policy).Statement) == 1
    error_message = "Operators must not need the drift role."
  }
}

run "without_a_zone" {
  variables {
    hosted_zone_id = ""
  }

  assert {
    condition     = !can(regex("route53:[A-Z]|acm:|domainnames", jsonencode([for policy in concat(values(aws_iam_policy.deployment), [aws_iam_policy.drift]) : policy.policy])))
    error_message = "Without a zone the roles must have no permissions for names."
  }
}
