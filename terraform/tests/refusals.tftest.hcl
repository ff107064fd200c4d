# Values that the variables reject. Run with -var-file=env/prod.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

run "unknown_environment_is_rejected" {
  command         = plan
  expect_failures = [var.environment]
  variables {
    environment = "production"
  }
}

run "account_of_another_environment_is_rejected" {
  command         = plan
  expect_failures = [var.account_id]
  variables {
    account_id = "536580886816"
  }
}

run "unknown_authorizer_is_rejected" {
  command         = plan
  expect_failures = [var.authorizer]
  variables {
    authorizer = "none"
  }
}

run "failover_outside_prod_is_rejected" {
  command         = plan
  expect_failures = [var.region]
  variables {
    environment            = "dev"
    account_id             = "536580886816"
    message_retention_days = 4
    region                 = "eu-west-1"
  }
}

# Several invalid values in one plan: the run fails unless every one is rejected.
run "local_exceptions_in_prod_are_rejected" {
  command = plan
  expect_failures = [
    var.require_tls, var.mail_feedback_enabled, var.authorizer, var.deletion_protection, var.point_in_time_recovery_days, var.failover_region, var.message_retention_days,
  ]
  variables {
    require_tls                 = false
    mail_feedback_enabled       = false
    authorizer                  = "issuer"
    deletion_protection         = false
    point_in_time_recovery_days = 7
    failover_region             = null
    message_retention_days      = 4
  }
}

run "values_out_of_range_are_rejected" {
  command = plan
  expect_failures = [
    var.throttle_rate, var.architecture, var.region, var.log_level, var.internal_notification_email, var.cart_api_url, var.retry_delay_seconds,
    var.bucket_suffix, var.runbook_url, var.archive_invoices_after_days, var.hosted_zone_id, var.monthly_budget_usd,
    var.cors_origins, var.invoice_endpoint_url,
  ]
  variables {
    throttle_rate               = 20000
    architecture                = "riscv"
    region                      = "us-east-1"
    log_level                   = "LOUD"
    internal_notification_email = "nobody"
    cart_api_url                = "http://cart.kimmyai.io"
    retry_delay_seconds         = 2
    bucket_suffix               = "_X"
    runbook_url                 = "https://example.com/wiki"
    archive_invoices_after_days = 30
    hosted_zone_id              = "api.kimmyai.io"
    monthly_budget_usd          = null
    cors_origins                = ["http://localhost:*"]
    invoice_endpoint_url        = "http://localhost:4566"
  }
}

run "domain_name_in_upper_case_is_rejected" {
  command         = plan
  expect_failures = [var.domain_name]
  variables {
    domain_name = "API.kimmyai.io"
  }
}

run "zone_without_a_name_is_rejected" {
  command         = plan
  expect_failures = [var.hosted_zone_id]
  variables {
    hosted_zone_id = "Z0123456789ABCDEFGHIJ"
    domain_name    = ""
  }
}

run "origin_wildcard_is_rejected" {
  command         = plan
  expect_failures = [var.cors_origins]
  variables {
    cors_origins = ["*"]
  }
}

run "origin_with_path_is_rejected" {
  command         = plan
  expect_failures = [var.cors_origins]
  variables {
    cors_origins = ["https://portal.kimmyai.io/"]
  }
}

run "origin_without_tls_is_rejected" {
  command         = plan
  expect_failures = [var.cors_origins]
  variables {
    cors_origins = ["http://portal.kimmyai.io"]
  }
}

run "origin_with_wildcard_host_is_rejected" {
  command         = plan
  expect_failures = [var.cors_origins]
  variables {
    cors_origins = ["https://*.kimmyai.io"]
  }
}
