locals {
  # All prefixes of all paths, by depth: "/v1.0", "/v1.0/orders", …
  paths = concat([for route in var.routes : trimprefix(route.path, "/")], ["health"])
  prefixes = [for depth in range(1, 5) : toset([
    for path in local.paths : join("/", slice(split("/", path), 0, depth)) if length(split("/", path)) >= depth
  ])]

  resource_ids = { for path, resource in merge(
    aws_api_gateway_resource.level1, aws_api_gateway_resource.level2, aws_api_gateway_resource.level3, aws_api_gateway_resource.level4,
  ) : path => resource.id }

  # Responses of the gateway itself, as problem details (RFC 9457) without internals.
  gateway_responses = {
    UNAUTHORIZED                 = { status = 401, title = "Unauthorized", detail = "A valid ID token is required in the Authorization header." }
    EXPIRED_TOKEN                = { status = 401, title = "Unauthorized", detail = "The token has expired." }
    ACCESS_DENIED                = { status = 403, title = "Forbidden", detail = "The token does not allow this." }
    BAD_REQUEST_BODY             = { status = 400, title = "Bad Request", detail = "The request was rejected." }
    BAD_REQUEST_PARAMETERS       = { status = 400, title = "Bad Request", detail = "The request was rejected." }
    INVALID_API_KEY              = { status = 403, title = "Forbidden", detail = "The request was rejected." }
    WAF_FILTERED                 = { status = 403, title = "Forbidden", detail = "The request was rejected." }
    QUOTA_EXCEEDED               = { status = 429, title = "Too Many Requests", detail = "Too many requests; try again in a moment." }
    MISSING_AUTHENTICATION_TOKEN = { status = 404, title = "Not Found", detail = "There is no such route." }
    RESOURCE_NOT_FOUND           = { status = 404, title = "Not Found", detail = "There is no such route." }
    REQUEST_TOO_LARGE            = { status = 413, title = "Request Entity Too Large", detail = "The body is too large; the limit is 262144 bytes." }
    UNSUPPORTED_MEDIA_TYPE       = { status = 415, title = "Unsupported Media Type", detail = "The body must be application/json." }
    THROTTLED                    = { status = 429, title = "Too Many Requests", detail = "Too many requests; try again in a moment." }
    INTEGRATION_FAILURE          = { status = 502, title = "Bad Gateway", detail = "The service did not respond; try again." }
    INTEGRATION_TIMEOUT          = { status = 504, title = "Gateway Timeout", detail = "The service did not respond in time; try again." }
    # On an unknown route API Gateway reads the bearer token as a signature of AWS, and gives one of these.
    INVALID_SIGNATURE              = { status = 404, title = "Not Found", detail = "There is no such route." }
    DEFAULT_4XX                    = { status = 404, title = "Not Found", detail = "There is no such route." }
    DEFAULT_5XX                    = { status = null, title = "Internal Server Error", detail = "Unexpected error; try again." }
    AUTHORIZER_CONFIGURATION_ERROR = { status = 500, title = "Internal Server Error", detail = "Unexpected error; try again." }
  }
}

resource "aws_api_gateway_rest_api" "this" {
  name = var.name

  endpoint_configuration { types = ["REGIONAL"] }

  lifecycle { create_before_destroy = true }
}

resource "aws_api_gateway_authorizer" "users" {
  name            = "users"
  rest_api_id     = aws_api_gateway_rest_api.this.id
  type            = "COGNITO_USER_POOLS"
  provider_arns   = [var.user_pool_arn]
  identity_source = "method.request.header.Authorization"
}

resource "aws_api_gateway_resource" "level1" {
  for_each = local.prefixes[0]

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = each.value
}

resource "aws_api_gateway_resource" "level2" {
  for_each = local.prefixes[1]

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.level1[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_resource" "level3" {
  for_each = local.prefixes[2]

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.level2[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_resource" "level4" {
  for_each = local.prefixes[3]

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.level3[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_method" "route" {
  #checkov:skip=CKV2_AWS_53:the functions validate and name every invalid field, which an API Gateway model does not

  for_each = var.routes

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = local.resource_ids[trimprefix(each.value.path, "/")]
  http_method   = each.value.method
  authorization = "COGNITO_USER_POOLS"
  authorizer_id = aws_api_gateway_authorizer.users.id
}

resource "aws_api_gateway_integration" "route" {
  for_each = var.routes

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_method.route[each.key].resource_id
  http_method             = aws_api_gateway_method.route[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = "arn:aws:apigateway:${var.region}:lambda:path/2015-03-31/functions/arn:aws:lambda:${var.region}:${var.account_id}:function:${each.value.function_name}:${each.value.function_alias}/invocations"
}

resource "aws_lambda_permission" "route" {
  for_each = var.routes

  statement_id  = "api-gateway"
  action        = "lambda:InvokeFunction"
  function_name = each.value.function_name
  qualifier     = each.value.function_alias
  principal     = "apigateway.amazonaws.com"
  # In the execution ARN, * stands for a path parameter.
  source_arn = "${aws_api_gateway_rest_api.this.execution_arn}/${var.stage}/${each.value.method}${replace(each.value.path, "/{[^}]+}/", "*")}"
}

# /health reports that the API is up. It needs no function and reveals nothing that needs a token.
resource "aws_api_gateway_method" "health" {
  #checkov:skip=CKV_AWS_59:public on purpose: it reports only that the API is up
  #checkov:skip=CKV2_AWS_53:it has no input to validate

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = local.resource_ids["health"]
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "health" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_method.health.resource_id
  http_method = aws_api_gateway_method.health.http_method
  type        = "MOCK"
  # Without NEVER, a request that no template matches, such as another Content-Type, fails with 500 instead of 415.
  passthrough_behavior = "NEVER"
  request_templates    = { "application/json" = jsonencode({ statusCode = 200 }) }

  lifecycle {
    # A mock has no integration method, but some engines report one, which would replace the integration on every apply.
    ignore_changes = [integration_http_method]
  }
}

resource "aws_api_gateway_method_response" "health" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_method.health.resource_id
  http_method = aws_api_gateway_method.health.http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "health" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_method.health.resource_id
  http_method = aws_api_gateway_method.health.http_method
  status_code = aws_api_gateway_method_response.health.status_code

  response_templates = { "application/json" = jsonencode({ status = "ok" }) }

  depends_on = [aws_api_gateway_integration.health]
}

resource "aws_api_gateway_gateway_response" "problem" {
  for_each = local.gateway_responses

  rest_api_id   = aws_api_gateway_rest_api.this.id
  response_type = each.key
  status_code   = each.value.status == null ? null : tostring(each.value.status)

  response_parameters = merge(
    { "gatewayresponse.header.Content-Type" = "'application/problem+json'" },
    each.key == "THROTTLED" ? { "gatewayresponse.header.Retry-After" = "'1'" } : {},
  )

  # The key is the request's content type; the header above sets the response's.
  response_templates = {
    "application/json" = jsonencode(merge(
      { type = "about:blank", title = each.value.title, detail = each.value.detail },
      each.value.status == null ? {} : { status = each.value.status },
    ))
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  triggers    = { redeployment = sha1(jsonencode([filesha1("${path.module}/main.tf"), var.routes, var.user_pool_arn])) }

  lifecycle { create_before_destroy = true }

  depends_on = [
    aws_api_gateway_integration.route,
    aws_api_gateway_integration_response.health,
    aws_api_gateway_gateway_response.problem,
  ]
}

# API Gateway writes the access logs of all APIs in an account and region with one role.
resource "aws_iam_role" "logs" {
  name                 = var.role_name
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "apigateway.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.logs.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.logs.arn

  depends_on = [aws_iam_role_policy_attachment.logs]
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_338:the agreed retention of logs is 90 days
  #checkov:skip=CKV_AWS_158:encrypted with the AWS-owned key; it holds no personal data

  name              = "/aws/apigateway/${var.name}"
  retention_in_days = 90
}

resource "aws_api_gateway_stage" "this" {
  #checkov:skip=CKV_AWS_120:responses belong to one tenant and change, so nothing may be cached
  #checkov:skip=CKV2_AWS_51:Lambda authorizes the calls by IAM; no back end would check a client certificate
  #checkov:skip=CKV2_AWS_4:execution logs contain bodies, which are personal data; the access log does not
  #checkov:skip=CKV2_AWS_29:requests are throttled and need a token; a WAF is the account owner's decision

  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = var.stage
  xray_tracing_enabled = var.tracing

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      requestId = "$context.requestId"
      time      = "$context.requestTime"
      method    = "$context.httpMethod"
      route     = "$context.resourcePath"
      status    = "$context.status"
      latencyMs = "$context.responseLatency"
      error     = "$context.error.responseType"
    })
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "all" {
  #checkov:skip=CKV_AWS_225:responses belong to one tenant and change, so nothing may be cached

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    throttling_rate_limit  = var.throttle_rate
    throttling_burst_limit = 2 * var.throttle_rate
  }
}
