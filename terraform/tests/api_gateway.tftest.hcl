# Module api_gateway: tokens, routes, throttling, problem details, access log.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::536580886816:role/role"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:af-south-1:536580886816:log-group:access"
    }
  }

  mock_resource "aws_api_gateway_rest_api" {
    defaults = {
      execution_arn = "arn:aws:execute-api:af-south-1:536580886816:api"
    }
  }
}

variables {
  name          = "bbws-order-api-dev"
  stage         = "dev"
  role_name     = "bbws-order-api-dev-logs"
  user_pool_arn = "arn:aws:cognito-idp:af-south-1:536580886816:userpool/af-south-1_x"
  routes = {
    create_order = { method = "POST", path = "/v1.0/orders", function_name = "create", function_alias = "live" }
    list_orders  = { method = "GET", path = "/v1.0/tenants/{tenantId}/orders", function_name = "list", function_alias = "live" }
  }
  permissions_boundary = "arn:aws:iam::536580886816:policy/boundary"
  throttle_rate        = 1000
  tracing              = true
  region               = "af-south-1"
  account_id           = "536580886816"
}

run "the_api" {
  module {
    source = "./modules/api_gateway"
  }

  assert {
    condition     = alltrue([for method in aws_api_gateway_method.route : method.authorization == "COGNITO_USER_POOLS"])
    error_message = "Every route must need a token."
  }

  assert {
    condition     = aws_api_gateway_method.health.authorization == "NONE" && aws_api_gateway_integration.health.type == "MOCK"
    error_message = "/health must need no token and call no function."
  }

  assert {
    condition     = alltrue([for integration in aws_api_gateway_integration.route : endswith(integration.uri, ":live/invocations")])
    error_message = "Routes must call the alias `live`."
  }

  assert {
    condition     = aws_api_gateway_method_settings.all.settings[0].throttling_rate_limit == 1000 && aws_api_gateway_method_settings.all.settings[0].throttling_burst_limit == 2000
    error_message = "The burst limit must be twice the rate."
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.problem : response.response_parameters["gatewayresponse.header.Content-Type"] == "'application/problem+json'"])
    error_message = "The gateway's own responses must be problem details."
  }

  assert {
    condition     = alltrue([for type in ["MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "DEFAULT_4XX", "RESOURCE_NOT_FOUND"] : aws_api_gateway_gateway_response.problem[type].status_code == "404"])
    error_message = "An unknown route must be 404, with and without a token: API Gateway reads an unexpected token as a signature."
  }

  assert {
    condition     = length(setsubtract(["ACCESS_DENIED", "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "EXPIRED_TOKEN", "INVALID_API_KEY", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "THROTTLED", "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED"], keys(aws_api_gateway_gateway_response.problem))) == 0
    error_message = "Every 4xx response type needs its own status, because DEFAULT_4XX is 404 here."
  }

  assert {
    condition     = aws_cloudwatch_log_group.access.retention_in_days == 90
    error_message = "Logs must be kept 90 days."
  }

  assert {
    condition     = values(jsondecode(aws_api_gateway_stage.this.access_log_settings[0].format)) == ["$context.error.responseType", "$context.responseLatency", "$context.httpMethod", "$context.requestId", "$context.resourcePath", "$context.status", "$context.requestTime"]
    error_message = "The access log must contain no personal data: no address, user, path with ids, or body."
  }
}

run "without_origins_there_is_no_cors" {
  command = plan
  module {
    source = "./modules/api_gateway"
  }

  assert {
    condition     = length(aws_api_gateway_method.preflight) == 0 && !strcontains(jsonencode(aws_api_gateway_gateway_response.problem), "Access-Control") && aws_api_gateway_integration_response.health.response_templates["application/json"] == "{\"status\":\"ok\"}"
    error_message = "Without allowed origins nothing must respond to browsers."
  }
}

run "one_origin" {
  command = plan
  module {
    source = "./modules/api_gateway"
  }
  variables {
    cors_origins        = ["https://portal.kimmyai.io"]
    cors_origin_pattern = "https://portal[.]kimmyai[.]io"
  }

  assert {
    condition     = keys(aws_api_gateway_method.preflight) == ["health", "v1.0/orders", "v1.0/tenants/{tenantId}/orders"] && alltrue([for method in aws_api_gateway_method.preflight : method.authorization == "NONE"]) && alltrue([for integration in aws_api_gateway_integration.preflight : integration.type == "MOCK"])
    error_message = "Each path must respond to preflight requests without a token and without a function."
  }

  assert {
    condition     = aws_api_gateway_integration_response.preflight["v1.0/orders"].response_parameters["method.response.header.Access-Control-Allow-Methods"] == "'POST'" && aws_api_gateway_integration_response.preflight["health"].response_parameters["method.response.header.Access-Control-Allow-Methods"] == "'GET'"
    error_message = "A preflight response must name the methods of its path."
  }

  assert {
    condition     = alltrue([for response in concat([aws_api_gateway_integration_response.health], values(aws_api_gateway_integration_response.preflight)) : strcontains(response.response_templates["application/json"], "#if($origin.matches(\"https://portal[.]kimmyai[.]io\")) #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin) #end") && response.response_parameters["method.response.header.Vary"] == "'Origin'"])
    error_message = "The mock responses must allow the configured origins only, and caches must keep origins apart."
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.problem : response.response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://portal.kimmyai.io'" && response.response_parameters["gatewayresponse.header.Access-Control-Expose-Headers"] == "'ETag,Location,Retry-After,X-Correlation-Id'"])
    error_message = "A page of the origin must be able to read why the gateway refused its request."
  }
}

run "several_origins" {
  command = plan
  module {
    source = "./modules/api_gateway"
  }
  variables {
    cors_origins        = ["https://portal.kimmyai.io", "https://admin.kimmyai.io"]
    cors_origin_pattern = "https://portal[.]kimmyai[.]io|https://admin[.]kimmyai[.]io"
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.problem : response.response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"])
    error_message = "A gateway response cannot choose among origins, and pages of all of them must be able to read it."
  }
}

run "path_too_deep_is_rejected" {
  command = plan
  module {
    source = "./modules/api_gateway"
  }
  expect_failures = [var.routes]
  variables {
    routes = { deep = { method = "GET", path = "/a/b/c/d/e", function_name = "deep", function_alias = "live" } }
  }
}
