# Module sns: who may publish, which events a queue receives.

mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:af-south-1:536580886816:topic"
    }
  }
}

variables {
  name = "bbws-alerts-dev"
}

run "a_topic_for_alarms" {
  module {
    source = "./modules/sns"
  }
  variables {
    account_id          = "536580886816"
    publishing_services = ["cloudwatch.amazonaws.com"]
    emails              = ["oncall@kimmyai.io"]
  }

  assert {
    condition = [for statement in jsondecode(aws_sns_topic_policy.this[0].policy).Statement : [statement.Principal.Service, statement.Condition]] == [
      [["cloudwatch.amazonaws.com"], { StringEquals = { "aws:SourceAccount" = "536580886816" } }]
    ]
    error_message = "CloudWatch must publish only for alarms of this account."
  }
}

run "a_topic_for_events" {
  module {
    source = "./modules/sns"
  }
  variables {
    subscriptions = { order_pdf_creator = { queue_arn = "arn:aws:sqs:af-south-1:536580886816:queue", event_types = ["OrderRecorded"] } }
  }

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.queue["order_pdf_creator"].filter_policy) == { eventType = ["OrderRecorded"] } && length(aws_sns_topic_policy.this) == 0
    error_message = "A queue must receive only its event types, and no service may publish."
  }
}

run "a_topic_for_all_messages" {
  module {
    source = "./modules/sns"
  }
  variables {
    account_id          = "536580886816"
    publishing_services = ["ses.amazonaws.com"]
    subscriptions       = { customer_order_confirmation = { queue_arn = "arn:aws:sqs:af-south-1:536580886816:queue" } }
  }

  assert {
    condition     = aws_sns_topic_subscription.queue["customer_order_confirmation"].filter_policy == null
    error_message = "A queue without event types must receive all messages."
  }
}

run "services_without_an_account_are_rejected" {
  command         = plan
  expect_failures = [var.account_id]
  module {
    source = "./modules/sns"
  }
  variables {
    publishing_services = ["cloudwatch.amazonaws.com"]
  }
}
