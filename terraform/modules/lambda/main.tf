locals {
  log_group = "/aws/lambda/${var.name}"
  statements = concat(
    [for statement in var.statements : {
      Effect    = "Allow"
      Action    = statement.actions
      Resource  = statement.resources
      Condition = { for condition in statement.conditions : condition.test => { (condition.variable) = condition.values } }
    }],
    [{ Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = [
      "arn:aws:logs:${var.region}:${var.account_id}:log-group:${local.log_group}:*",
    ] }],
    [for arn in compact([var.queue_arn]) : { Effect = "Allow", Resource = [arn], Action = [
      "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
    ] }],
    # X-Ray has no resource-level permissions.
    [for _ in var.tracing ? [1] : [] : { Effect = "Allow", Resource = ["*"], Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"] }],
  )
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:the agreed retention of logs is 90 days
  #checkov:skip=CKV_AWS_158:encrypted with the AWS-owned key; it holds no personal data

  name              = local.log_group
  retention_in_days = 90
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "function"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.statements : { for key, value in statement : key => value if length(value) > 0 }]
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:consumers are limited by their mapping; reserved concurrency would take from the account's other functions
  #checkov:skip=CKV_AWS_116:failed messages go to their queue's DLQ; the other functions are called synchronously
  #checkov:skip=CKV_AWS_117:it needs nothing in a VPC: AWS and the Cart service are reached by TLS
  #checkov:skip=CKV_AWS_173:environment variables hold names and addresses, no secrets
  #checkov:skip=CKV_AWS_272:packages are verified against the release's digests (docs/release.md) instead of signed

  function_name    = var.name
  role             = aws_iam_role.this.arn
  runtime          = "python3.12"
  architectures    = [var.architecture]
  handler          = var.handler
  filename         = var.package
  source_code_hash = try(filebase64sha256(var.package), null)
  memory_size      = var.memory_mb
  timeout          = var.timeout
  publish          = true

  environment { variables = var.environment }

  tracing_config { mode = var.tracing ? "Active" : "PassThrough" }

  lifecycle {
    precondition {
      condition     = fileexists(var.package)
      error_message = "Package ${var.package} does not exist: run `bin/release build`."
    }
  }

  # Otherwise Lambda creates the log group itself, without retention, and the first call lacks its permissions.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    # Terraform sets the first version only. After that release/traffic.py shifts the traffic.
    ignore_changes = [function_version, routing_config]
  }
}
