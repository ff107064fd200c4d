# What the variables refuse; run with -var-file=env/prod.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

run "an_environment_that_is_none" {
  command         = plan
  expect_failures = [var.environment]
  variables {
    environment = "production"
  }
}

run "the_account_of_another_environment" {
  command         = plan
  expect_failures = [var.account_id]
  variables {
    account_id = "536580886816"
  }
}

run "plain_http_outside_local" {
  command         = plan
  expect_failures = [var.require_tls]
  variables {
    require_tls = false
  }
}

run "tokens_of_an_issuer_outside_local" {
  command         = plan
  expect_failures = [var.authorizer]
  variables {
    authorizer = "issuer"
  }
}

run "tokens_of_nobody" {
  command         = plan
  expect_failures = [var.authorizer]
  variables {
    authorizer = "none"
  }
}

run "a_cart_service_without_tls" {
  command         = plan
  expect_failures = [var.cart_api_url]
  variables {
    cart_api_url = "http://cart.kimmyai.io"
  }
}

run "prod_without_deletion_protection" {
  command         = plan
  expect_failures = [var.deletion_protection]
  variables {
    deletion_protection = false
  }
}

run "prod_without_recovery" {
  command         = plan
  expect_failures = [var.point_in_time_recovery_days]
  variables {
    point_in_time_recovery_days = 7
  }
}

run "prod_without_a_copy" {
  command         = plan
  expect_failures = [var.failover_region]
  variables {
    failover_region = null
  }
}

run "messages_kept_too_short" {
  command         = plan
  expect_failures = [var.message_retention_days]
  variables {
    message_retention_days = 4
  }
}

run "retries_that_fill_the_dlq" {
  command         = plan
  expect_failures = [var.retry_delay_seconds]
  variables {
    retry_delay_seconds = 2
  }
}

run "a_suffix_that_no_bucket_takes" {
  command         = plan
  expect_failures = [var.bucket_suffix]
  variables {
    bucket_suffix = "_X"
  }
}

run "a_fail_over_of_another_environment" {
  command         = plan
  expect_failures = [var.region]
  variables {
    environment            = "dev"
    account_id             = "536580886816"
    message_retention_days = 4
    region                 = "eu-west-1"
  }
}

run "figures_out_of_range" {
  command         = plan
  expect_failures = [var.throttle_rate, var.architecture, var.region, var.log_level, var.internal_notification_email]
  variables {
    throttle_rate               = 20000
    architecture                = "riscv"
    region                      = "us-east-1"
    log_level                   = "LOUD"
    internal_notification_email = "nobody"
  }
}

run "a_runbook_that_is_none" {
  command         = plan
  expect_failures = [var.runbook_url]
  variables {
    runbook_url = "https://example.com/wiki"
  }
}
