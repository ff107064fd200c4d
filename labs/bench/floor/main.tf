# One of each kind of resource of the service, empty, with the chains that AWS asks for and no others: what an apply of it
# takes is what the provider waits whatever the configuration says. `make bench` compares `make up` with it.
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "package" {
  description = "A zip with nothing of use in it."
  type        = string
}

provider "aws" {
  region = "af-south-1"
}

locals {
  trust = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_dynamodb_table" "this" {
  name         = "floor"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "expiration"
    enabled        = true
  }
}

# A queue names a DLQ that must be there.
resource "aws_sqs_queue" "dlq" {
  name = "floor-dlq"
}

resource "aws_sqs_queue" "this" {
  name           = "floor"
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dlq.arn, maxReceiveCount = 3 })
}

resource "aws_sns_topic" "this" {
  name = "floor"
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn = aws_sns_topic.this.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.this.arn
}

resource "aws_s3_bucket" "this" {
  bucket = "floor"
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = 1
    }
  }
}

resource "aws_s3_object" "this" {
  bucket  = aws_s3_bucket.this.id
  key     = "empty"
  content = ""

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_cloudwatch_log_group" "this" {
  name = "/aws/lambda/floor"
}

resource "aws_iam_role" "this" {
  name               = "floor"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "this" {
  name = "floor"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:*", Resource = "*" }]
  })
}

resource "aws_lambda_function" "this" {
  function_name = "floor"
  role          = aws_iam_role.this.arn
  runtime       = "python3.12"
  handler       = "floor.handler"
  filename      = var.package
  publish       = true
}

resource "aws_lambda_alias" "this" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn = aws_sqs_queue.this.arn
  function_name    = aws_lambda_alias.this.arn
}

resource "aws_cognito_user_pool" "this" {
  name = "floor"
}

resource "aws_cognito_user_pool_client" "this" {
  name         = "floor"
  user_pool_id = aws_cognito_user_pool.this.id
}

resource "aws_api_gateway_rest_api" "this" {
  name = "floor"
}

resource "aws_api_gateway_method" "this" {
  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = aws_api_gateway_rest_api.this.root_resource_id
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "this" {
  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_method.this.resource_id
  http_method             = aws_api_gateway_method.this.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_alias.this.invoke_arn
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_integration.this.rest_api_id
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id   = aws_api_gateway_rest_api.this.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = "floor"
}

resource "aws_ses_domain_identity" "this" {
  domain = "example.com"
}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = "floor"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = "floor" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
}
