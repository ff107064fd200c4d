# An API with nothing but /health, and its own name: what terraform/ makes of both, applied in seconds.

terraform {
  backend "local" {}
}

variable "region" {
  type = string
}

variable "failover" {
  type = string
}

variable "hosted_zone_id" {
  type = string
}

provider "aws" {
  region              = var.region
  allowed_account_ids = ["093646564004"]
}

module "api" {
  source = "../../../terraform/modules/api_gateway"

  name                 = "bbws-order-api-prod"
  role_name            = "bbws-order-api-prod-logs-${var.region}"
  stage                = "prod"
  user_pool_arn        = "arn:aws:cognito-idp:${var.region}:093646564004:userpool/${var.region}_none"
  routes               = {}
  throttle_rate        = 10
  tracing              = false
  region               = var.region
  account_id           = "093646564004"
  permissions_boundary = "arn:aws:iam::093646564004:policy/bbws-order-lambda-function-boundary-prod"
}

module "domain" {
  source = "../../../terraform/modules/domain"

  domain_name    = "api.kimmyai.io"
  hosted_zone_id = var.hosted_zone_id
  api_id         = module.api.id
  stage          = "prod"
  region         = var.region
  failover       = var.failover

  depends_on = [module.api]
}
