# Module lambda: runtime, versions, alias, logs, permissions.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::536580886816:role/function"
    }
  }
}

variables {
  name         = "bbws-order-lambda-get-order-dev"
  role_name    = "bbws-order-lambda-get-order-dev"
  package      = "../build/packages/get_order.zip"
  handler      = "functions.get_order.handler.lambda_handler"
  architecture = "arm64"
  memory_mb    = 512
  timeout      = 30
  environment  = { ORDERS_TABLE = "orders" }
  statements = [
    { actions = ["dynamodb:GetItem"], resources = ["arn:aws:dynamodb:af-south-1:536580886816:table/orders"] },
    { actions = ["ses:SendRawEmail"], resources = ["arn:aws:ses:af-south-1:536580886816:identity/kimmyai.io"], conditions = [{ test = "StringEquals", variable = "ses:FromAddress", values = ["noreply@kimmyai.io"] }] },
  ]
  permissions_boundary = "arn:aws:iam::536580886816:policy/boundary"
  queue_arn            = "arn:aws:sqs:af-south-1:536580886816:queue"
  tracing              = false
  account_id           = "536580886816"
  region               = "af-south-1"
}

run "a_function" {
  module {
    source = "./modules/lambda"
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "python3.12" && aws_lambda_function.this.publish
    error_message = "The function must run on Python 3.12 and publish a version for each change."
  }

  assert {
    condition     = aws_lambda_alias.live.name == "live"
    error_message = "The alias must be `live`."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/bbws-order-lambda-get-order-dev" && aws_cloudwatch_log_group.this.retention_in_days == 90
    error_message = "Logs must be kept 90 days."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : !contains(statement.Resource, "*") && alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "No statement may allow all resources or all actions."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Condition.StringEquals["ses:FromAddress"] if contains(statement.Action, "ses:SendRawEmail")] == [["noreply@kimmyai.io"]]
    error_message = "A statement must keep its condition."
  }

  assert {
    condition     = length([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement if statement.Resource == ["arn:aws:sqs:af-south-1:536580886816:queue"] && contains(statement.Action, "sqs:DeleteMessage")]) == 1
    error_message = "A consumer must be allowed to read its own queue."
  }
}

run "a_traced_function" {
  module {
    source = "./modules/lambda"
  }

  variables {
    tracing = true
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Action if contains(statement.Resource, "*")] == [["xray:PutTraceSegments", "xray:PutTelemetryRecords"]]
    error_message = "Only traces may be allowed on all resources: X-Ray has no resource-level permissions."
  }
}
