locals {
  # All prefixes of all paths, by depth: "/v1.0", "/v1.0/orders", …
  paths = concat([for route in var.routes : trimprefix(route.path, "/")], ["health"])
  prefixes = [for depth in range(1, 5) : toset([
    for path in local.paths : join("/", slice(split("/", path), 0, depth)) if length(split("/", path)) >= depth
  ])]

  resource_ids = { for path, resource in merge(
    aws_api_gateway_resource.level1, aws_api_gateway_resource.level2, aws_api_gateway_resource.level3, aws_api_gateway_resource.level4,
  ) : path => resource.id }

  cors_enabled = length(var.cors_origins) > 0
  # Methods of each path that pages may call.
  cors_methods = !local.cors_enabled ? {} : {
    for path in distinct(local.paths) : path => join(",", concat(path == "health" ? ["GET"] : [], [for route in var.routes : route.method if trimprefix(route.path, "/") == path]))
  }
  # At the top of a mapping template. HTTP/2 writes the header's name in lower case.
  cors_template = !local.cors_enabled ? "" : <<-EOT
    #set($origin = $input.params("Origin"))
    #if($origin == "") #set($origin = $input.params("origin")) #end
    #if($origin.matches("${var.cors_origin_pattern}")) #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin) #end
  EOT
  cors_exposed  = "'ETag,Location,Retry-After,X-Correlation-Id'"
  # A gateway response cannot choose among origins. Its text is the same for everyone, so any page may read it.
  cors_gateway_headers = !local.cors_enabled ? {} : {
    "gatewayresponse.header.Access-Control-Allow-Origin"   = length(var.cors_origins) > 1 || endswith(var.cors_origins[0], ":*") ? "'*'" : "'${var.cors_origins[0]}'"
    "gatewayresponse.header.Access-Control-Expose-Headers" = local.cors_exposed
  }

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
    API_CONFIGURATION_ERROR        = { status = 500, title = "Internal Server Error", detail = "Unexpected error; try again." }
    AUTHORIZER_CONFIGURATION_ERROR = { status = 500, title = "Internal Server Error", detail = "Unexpected error; try again." }
    AUTHORIZER_FAILURE             = { status = 500, title = "Internal Server Error", detail = "Unexpected error; try again." }
    # For a function that fails there is no type of its own.
    DEFAULT_5XX = { status = 502, title = "Bad Gateway", detail = "The service failed; try again." }
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

  statement_id  = "api-gateway-${each.key}"
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

  response_parameters = local.cors_enabled ? { "method.response.header.Vary" = true } : null
}

resource "aws_api_gateway_integration_response" "health" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_method.health.resource_id
  http_method = aws_api_gateway_method.health.http_method
  status_code = aws_api_gateway_method_response.health.status_code

  response_parameters = local.cors_enabled ? { "method.response.header.Vary" = "'Origin'" } : null
  response_templates  = { "application/json" = "${local.cors_template}${jsonencode({ status = "ok" })}" }

  depends_on = [aws_api_gateway_integration.health]
}

# Preflight requests of browsers, which have no token. API Gateway responds itself.
resource "aws_api_gateway_method" "preflight" {
  #checkov:skip=CKV2_AWS_53:it has no input to validate

  for_each = local.cors_methods

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = local.resource_ids[each.key]
  http_method   = "OPTIONS"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "preflight" {
  for_each = local.cors_methods

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = aws_api_gateway_method.preflight[each.key].resource_id
  http_method          = aws_api_gateway_method.preflight[each.key].http_method
  type                 = "MOCK"
  passthrough_behavior = "NEVER"
  request_templates    = { "application/json" = jsonencode({ statusCode = 204 }) }

  lifecycle {
    # For the same reason as in the integration of /health.
    ignore_changes = [integration_http_method]
  }
}

resource "aws_api_gateway_method_response" "preflight" {
  for_each = local.cors_methods

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_method.preflight[each.key].resource_id
  http_method = aws_api_gateway_method.preflight[each.key].http_method
  status_code = "204"

  response_parameters = {
    "method.response.header.Access-Control-Allow-Headers" = true
    "method.response.header.Access-Control-Allow-Methods" = true
    "method.response.header.Access-Control-Max-Age"       = true
    "method.response.header.Vary"                         = true
  }
}

resource "aws_api_gateway_integration_response" "preflight" {
  for_each = local.cors_methods

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_method.preflight[each.key].resource_id
  http_method = aws_api_gateway_method.preflight[each.key].http_method
  status_code = aws_api_gateway_method_response.preflight[each.key].status_code

  response_parameters = {
    "method.response.header.Access-Control-Allow-Headers" = "'Authorization,Content-Type,Idempotency-Key,If-Match,X-Correlation-Id'"
    "method.response.header.Access-Control-Allow-Methods" = "'${each.value}'"
    # Chrome's limit: two hours.
    "method.response.header.Access-Control-Max-Age" = "'7200'"
    "method.response.header.Vary"                   = "'Origin'"
  }
  response_templates = { "application/json" = local.cors_template }

  depends_on = [aws_api_gateway_integration.preflight]
}

resource "aws_api_gateway_gateway_response" "problem" {
  for_each = local.gateway_responses

  rest_api_id   = aws_api_gateway_rest_api.this.id
  response_type = each.key
  status_code   = tostring(each.value.status)

  response_parameters = merge(
    { "gatewayresponse.header.Content-Type" = "'application/problem+json'" },
    each.key == "THROTTLED" ? { "gatewayresponse.header.Retry-After" = "'1'" } : {},
    local.cors_gateway_headers,
  )

  # The key is the request's content type; the header above sets the response's.
  response_templates = {
    "application/json" = jsonencode({ type = "about:blank", title = each.value.title, status = each.value.status, detail = each.value.detail })
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  triggers    = { redeployment = sha1(jsonencode([filesha1("${path.module}/main.tf"), var.routes, var.user_pool_arn, var.cors_origins])) }

  lifecycle { create_before_destroy = true }

  depends_on = [
    aws_api_gateway_integration.route,
    aws_api_gateway_integration_response.health,
    aws_api_gateway_integration_response.preflight,
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
