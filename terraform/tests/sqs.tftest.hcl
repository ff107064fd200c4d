# Module sqs: queue, DLQ, alarms.

mock_provider "aws" {}

variables {
  name                     = "bbws-order-pdf"
  environment              = "dev"
  account_id               = "536580886816"
  region                   = "af-south-1"
  consumer_timeout_seconds = 60
  message_retention_days   = 4
  source_topic_arns        = ["arn:aws:sns:af-south-1:536580886816:bbws-order-events-dev"]
  alerts_topic_arn         = "arn:aws:sns:af-south-1:536580886816:bbws-alerts-dev"
  runbook_url              = "https://example.com/troubleshooting.md"
}

run "a_queue_behind_a_topic" {
  module {
    source = "./modules/sqs"
  }

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 360
    error_message = "The visibility timeout must be six times the consumer's timeout."
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 4 * 86400 && aws_sqs_queue.dlq.message_retention_seconds == 14 * 86400
    error_message = "Messages must be kept 4 days, and 14 in the DLQ."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_policy).maxReceiveCount == 3
    error_message = "A message must go to the DLQ after three attempts."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.dlq.redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:af-south-1:536580886816:bbws-order-pdf-dev"]
    error_message = "The DLQ must accept messages only from its own queue."
  }

  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dlq.sqs_managed_sse_enabled
    error_message = "Queue and DLQ must be encrypted."
  }

  assert {
    condition     = anytrue([for statement in jsondecode(aws_sqs_queue.this.policy).Statement : statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"])
    error_message = "The queue must deny plain HTTP."
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.this.policy).Statement : statement.Condition.ArnEquals["aws:SourceArn"] if statement.Effect == "Allow"] == [["arn:aws:sns:af-south-1:536580886816:bbws-order-events-dev"]]
    error_message = "Only the topic may send to the queue."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["bbws-order-pdf-dlq-dev-not-empty"].threshold == 0 && aws_cloudwatch_metric_alarm.this["bbws-order-pdf-dlq-dev-not-empty"].comparison_operator == "GreaterThanThreshold"
    error_message = "The alarm must fire at one message in the DLQ."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => regex("Runbook: (.+)$", alarm.alarm_description)[0] } == {
      "bbws-order-pdf-dlq-dev-not-empty" = "https://example.com/troubleshooting.md#bbws-order-pdf-dlq-env-not-empty"
      "bbws-order-pdf-dev-deep"          = "https://example.com/troubleshooting.md#bbws-order-pdf-env-deep"
      "bbws-order-pdf-dev-old"           = "https://example.com/troubleshooting.md#bbws-order-pdf-env-old"
    }
    error_message = "Each alarm must link to its heading in the runbook."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:af-south-1:536580886816:bbws-alerts-dev"])])
    error_message = "Alarms must go to bbws-alerts-{env}."
  }
}

run "a_queue_without_a_topic" {
  module {
    source = "./modules/sqs"
  }
  variables {
    source_topic_arns = []
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_sqs_queue.this.policy).Statement : statement.Effect == "Deny"])
    error_message = "Without a topic, the policy must allow nobody: functions send with their own roles."
  }
}
