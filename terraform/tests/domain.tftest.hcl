# Module domain: certificate, domain name, record, health check, the other region.

mock_provider "aws" {
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:af-south-1:093646564004:certificate/1"
      domain_validation_options = [{
        domain_name           = "api.kimmyai.io"
        resource_record_name  = "_x1.api.kimmyai.io."
        resource_record_type  = "CNAME"
        resource_record_value = "_x2.acm-validations.aws."
      }]
    }
  }
  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:af-south-1:093646564004:certificate/1" }
  }
}

variables {
  domain_name    = "api.kimmyai.io"
  hosted_zone_id = "Z0123456789ABCDEFGHIJ"
  api_id         = "a1b2c3d4e5"
  stage          = "prod"
  region         = "af-south-1"
}

run "a_plain_name" {
  module {
    source = "./modules/domain"
  }

  assert {
    condition     = aws_api_gateway_domain_name.this.security_policy == "TLS_1_2" && aws_api_gateway_domain_name.this.endpoint_configuration[0].types == tolist(["REGIONAL"])
    error_message = "The name must need TLS 1.2, and belong to one region."
  }

  assert {
    condition     = aws_acm_certificate.this.validation_method == "DNS" && aws_route53_record.validation[0].name == "_x1.api.kimmyai.io."
    error_message = "DNS must validate the certificate, so that ACM renews it without anybody."
  }

  assert {
    condition     = aws_api_gateway_base_path_mapping.this.stage_name == "prod" && coalesce(aws_api_gateway_base_path_mapping.this.base_path, "-") == "-"
    error_message = "The name must serve the stage at its root."
  }

  assert {
    condition     = length(aws_route53_health_check.this) == 0 && length(aws_route53_record.api.failover_routing_policy) == 0
    error_message = "A name without a fail-over needs no health check."
  }
}

run "the_home_region" {
  module {
    source = "./modules/domain"
  }
  variables {
    failover = "PRIMARY"
  }

  assert {
    condition = [for check in aws_route53_health_check.this : [check.type, check.fqdn, check.resource_path, check.request_interval, check.failure_threshold]] == [
      ["HTTPS", "a1b2c3d4e5.execute-api.af-south-1.amazonaws.com", "/prod/health", 30, 2]
    ]
    error_message = "The check must request /health of the home region itself every 30 s, and fail after two failures."
  }

  assert {
    condition     = aws_route53_record.api.health_check_id == aws_route53_health_check.this[0].id && aws_route53_record.api.set_identifier == "af-south-1"
    error_message = "The health check must decide about the home region's record."
  }
}

run "the_other_region" {
  module {
    source = "./modules/domain"
  }
  variables {
    failover = "SECONDARY"
    region   = "eu-west-1"
  }

  assert {
    condition     = length(aws_route53_record.validation) == 0 && length(aws_route53_health_check.this) == 0
    error_message = "The home region has the validation record and the health check of both."
  }

  assert {
    condition     = aws_route53_record.api.set_identifier == "eu-west-1" && aws_route53_record.api.failover_routing_policy[0].type == "SECONDARY"
    error_message = "The record must be the one that Route 53 returns while the check fails."
  }
}

run "other_routing_is_rejected" {
  command         = plan
  expect_failures = [var.failover]
  module {
    source = "./modules/domain"
  }
  variables {
    failover = "TERTIARY"
  }
}
