locals {
  # ACM gives a name of an account the same validation record in every region, so the home region's is enough.
  secondary = var.failover == "SECONDARY"
  primary   = var.failover == "PRIMARY"

  validation = one(aws_acm_certificate.this.domain_validation_options)
}

resource "aws_acm_certificate" "this" {
  domain_name       = var.domain_name
  validation_method = "DNS"

  # API Gateway uses the old certificate until it has the new one.
  lifecycle { create_before_destroy = true }
}

resource "aws_route53_record" "validation" {
  count = local.secondary ? 0 : 1

  zone_id = var.hosted_zone_id
  name    = local.validation.resource_record_name
  type    = local.validation.resource_record_type
  records = [local.validation.resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = local.secondary ? null : aws_route53_record.validation[*].fqdn

  # The job of a deployment ends after an hour.
  timeouts { create = "20m" }
}

resource "aws_api_gateway_domain_name" "this" {
  domain_name              = var.domain_name
  regional_certificate_arn = aws_acm_certificate_validation.this.certificate_arn
  security_policy          = "TLS_1_2"

  endpoint_configuration { types = ["REGIONAL"] }
}

resource "aws_api_gateway_base_path_mapping" "this" {
  api_id      = var.api_id
  stage_name  = var.stage
  domain_name = aws_api_gateway_domain_name.this.domain_name
}

# Checks the home region's API by its own name: the custom name leads to the fail-over when the check fails.
resource "aws_route53_health_check" "this" {
  count = local.primary ? 1 : 0

  type              = "HTTPS"
  fqdn              = "${var.api_id}.execute-api.${var.region}.amazonaws.com"
  port              = 443
  resource_path     = "/${var.stage}/health"
  request_interval  = 30
  failure_threshold = 2
  enable_sni        = true

  tags = { Name = var.domain_name }
}

resource "aws_route53_record" "api" {
  zone_id         = var.hosted_zone_id
  name            = var.domain_name
  type            = "A"
  set_identifier  = var.failover == null ? null : var.region
  health_check_id = one(aws_route53_health_check.this[*].id)

  alias {
    name    = aws_api_gateway_domain_name.this.regional_domain_name
    zone_id = aws_api_gateway_domain_name.this.regional_zone_id
    # The health check decides. An API Gateway domain name reports no health of its own.
    evaluate_target_health = false
  }

  dynamic "failover_routing_policy" {
    for_each = var.failover == null ? [] : [var.failover]

    content { type = failover_routing_policy.value }
  }

  # Before it, the name would lead to a domain name that serves nothing.
  depends_on = [aws_api_gateway_base_path_mapping.this]
}
