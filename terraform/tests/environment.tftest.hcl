# The whole configuration of one environment. Run once per environment, with -var-file=env/{environment}.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

run "the_environment" {
  command = plan

  assert {
    condition     = output.orders_table == "bbws-customer-portal-orders-${var.environment}"
    error_message = "The table must be named bbws-customer-portal-orders-{env}."
  }

  assert {
    condition = output.function_names == {
      create_order                = "bbws-order-lambda-create-order-${var.environment}"
      get_order                   = "bbws-order-lambda-get-order-${var.environment}"
      list_orders                 = "bbws-order-lambda-list-orders-${var.environment}"
      update_order                = "bbws-order-lambda-update-order-${var.environment}"
      order_creator_record        = "bbws-order-lambda-creator-record-${var.environment}"
      order_pdf_creator           = "bbws-order-lambda-pdf-creator-${var.environment}"
      order_internal_notification = "bbws-order-lambda-internal-notifier-${var.environment}"
      customer_order_confirmation = "bbws-order-lambda-customer-notifier-${var.environment}"
    }
    error_message = "There must be eight functions with these names."
  }

  assert {
    condition = output.queue_names == {
      order_creator_record        = "bbws-order-creation-${var.environment}"
      order_pdf_creator           = "bbws-order-pdf-${var.environment}"
      order_internal_notification = "bbws-order-internal-notification-${var.environment}"
      customer_order_confirmation = "bbws-order-customer-notification-${var.environment}"
    }
    error_message = "There must be four queues, one per consumer."
  }

  assert {
    condition     = length(distinct(concat(values(output.queue_names), values(output.dlq_names)))) == 8
    error_message = "Each queue must have its own DLQ."
  }

  assert {
    condition     = output.orders_bucket == "bbws-orders-${var.environment}${var.bucket_suffix}" && output.templates_bucket == "bbws-email-templates-${var.environment}${var.bucket_suffix}"
    error_message = "The buckets must be named bbws-orders-{env} and bbws-email-templates-{env}, plus the suffix."
  }

  assert {
    condition     = output.stage == var.environment
    error_message = "The stage must be named after the environment."
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.this : contains(mapping.function_response_types, "ReportBatchItemFailures")])
    error_message = "One bad message must not fail its batch."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this["order_pdf_creator"].batch_size == 1
    error_message = "A long invoice must not use up the time, and so the attempts, of other orders."
  }

  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.this)) == toset(keys(output.queue_names))
    error_message = "Each queue must have exactly one consumer."
  }

  assert {
    condition     = var.throttle_rate == { local = 1000, dev = 1000, sit = 5000, prod = 10000 }[var.environment]
    error_message = "The API must accept 1,000 requests per second in dev, 5,000 in sit and 10,000 in prod."
  }

  assert {
    condition     = var.message_retention_days == (var.environment == "prod" ? 14 : 4)
    error_message = "Messages must be kept 4 days, and 14 in prod."
  }

  assert {
    condition     = var.environment == "local" || var.point_in_time_recovery_days > 0
    error_message = "Every account must have point-in-time recovery."
  }

  assert {
    condition     = (var.environment == "prod") == (var.deletion_protection && var.failover_region == "eu-west-1" && var.point_in_time_recovery_days == 35)
    error_message = "Only prod must have deletion protection, 35 days of recovery, and replicas in eu-west-1."
  }

  assert {
    condition = alltrue([
      for boundary in concat(
        [for function in module.function : function.role_boundary],
        [module.api.role_boundary],
        var.failover_region == null ? [] : [module.orders_bucket[0].role_boundary, module.templates_bucket[0].role_boundary],
      ) : var.environment == "local" ? boundary == null : boundary == "arn:aws:iam::${var.account_id}:policy/bbws-order-lambda-function-boundary-${var.environment}"
    ])
    error_message = "Every role must have the functions' boundary, except in environment local."
  }

  assert {
    condition     = var.environment == "local" || (var.require_tls && var.tracing_enabled && var.mail_feedback_enabled)
    error_message = "TLS, tracing and mail feedback may be off only in environment local."
  }

  assert {
    condition     = output.mail_alarm_names == [for kind in ["bounces", "complaints", "internal"] : "bbws-mail-${kind}-${var.environment}"]
    error_message = "There must be an alarm on bounces, on complaints, and on mails to the internal team."
  }

  assert {
    condition = jsonencode(local.queue_topics) == jsonencode({
      order_creator_record        = []
      order_pdf_creator           = ["bbws-order-events-${var.environment}"]
      order_internal_notification = ["bbws-order-events-${var.environment}"]
      customer_order_confirmation = ["bbws-order-events-${var.environment}", "bbws-ses-bounces-${var.environment}", "bbws-ses-complaints-${var.environment}"]
    })
    error_message = "A queue must take messages only from its topics, and what SES reports must go to the customer queue."
  }

  assert {
    condition     = length(module.domain) == 0 && output.domain_name == ""
    error_message = "Without a hosted zone there must be no name of its own."
  }

  assert {
    condition = [for budget in aws_budgets_budget.account : [budget.name, budget.limit_amount, budget.limit_unit, budget.time_unit, [for notification in budget.notification : notification.threshold]]] == {
      local = []
      dev   = [["bbws-monthly-dev", "500", "USD", "MONTHLY", [80]]]
      sit   = [["bbws-monthly-sit", "1000", "USD", "MONTHLY", [80]]]
      prod  = [["bbws-monthly-prod", "5000", "USD", "MONTHLY", [80]]]
    }[var.environment]
    error_message = "Every account must have its agreed budget, with an alert at 80 %."
  }
}

run "a_name_of_its_own" {
  command = plan
  variables {
    hosted_zone_id = "Z0123456789ABCDEFGHIJ"
    domain_name    = { local = "api.local.kimmyai.io", dev = "api.dev.kimmyai.io", sit = "api.sit.kimmyai.io", prod = "api.kimmyai.io" }[var.environment]
  }

  assert {
    condition     = output.domain_name == { local = "api.local.kimmyai.io", dev = "api.dev.kimmyai.io", sit = "api.sit.kimmyai.io", prod = "api.kimmyai.io" }[var.environment]
    error_message = "With a hosted zone the API must have its agreed name."
  }

  assert {
    condition     = module.domain[0].failover == (var.environment == "prod" ? "PRIMARY" : null)
    error_message = "Only prod's name must be able to lead to another region."
  }
}
