locals {
  queue_name = "${var.name}-${var.environment}"
  dlq_name   = "${var.name}-dlq-${var.environment}"
  arn_prefix = "arn:aws:sqs:${var.region}:${var.account_id}"

  tls_statement = {
    Sid       = "DenyPlainHttp"
    Effect    = "Deny"
    Principal = { AWS = "*" }
    Action    = "sqs:*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
  topic_statement = {
    Sid       = "AllowTopics"
    Effect    = "Allow"
    Principal = { Service = "sns.amazonaws.com" }
    Action    = "sqs:SendMessage"
    Condition = { ArnEquals = { "aws:SourceArn" = var.source_topic_arns } }
  }
  queue_statements = concat(
    var.require_tls ? [local.tls_statement] : [],
    length(var.source_topic_arns) == 0 ? [] : [local.topic_statement],
  )

  # Each alarm is a metric above a threshold. `heading` is the anchor of the alarm's heading in the runbook.
  alarms = {
    "${local.dlq_name}-not-empty" = {
      description = "${local.dlq_name} holds messages that failed three times.", heading = "${var.name}-dlq-env-not-empty"
      queue       = local.dlq_name, metric = "ApproximateNumberOfMessagesVisible", period = 60, threshold = 0
    }
    "${local.queue_name}-deep" = {
      description = "More than 1,000 messages are waiting in ${local.queue_name}.", heading = "${var.name}-env-deep"
      queue       = local.queue_name, metric = "ApproximateNumberOfMessagesVisible", period = 300, threshold = 1000
    }
    "${local.queue_name}-old" = {
      description = "The oldest message in ${local.queue_name} has waited more than 10 minutes.", heading = "${var.name}-env-old"
      queue       = local.queue_name, metric = "ApproximateAgeOfOldestMessage", period = 300, threshold = 600
    }
  }
}

resource "aws_sqs_queue" "dlq" {
  name                      = local.dlq_name
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
  policy = var.require_tls ? jsonencode({
    Version   = "2012-10-17"
    Statement = [merge(local.tls_statement, { Resource = "${local.arn_prefix}:${local.dlq_name}" })]
  }) : null
  # Inline: as a separate resource it would wait another 25 s in the provider.
  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = ["${local.arn_prefix}:${local.queue_name}"] })
}

resource "aws_sqs_queue" "this" {
  name                       = local.queue_name
  visibility_timeout_seconds = 6 * var.consumer_timeout_seconds
  message_retention_seconds  = var.message_retention_days * 24 * 60 * 60
  sqs_managed_sse_enabled    = true
  policy = length(local.queue_statements) == 0 ? null : jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.queue_statements : merge(statement, { Resource = "${local.arn_prefix}:${local.queue_name}" })]
  })
  # Three attempts are agreed. AWS advises five for a Lambda source, because a batch that Lambda throttles counts as one:
  # so the account needs its concurrency (docs/first-account.md, step 2).
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dlq.arn, maxReceiveCount = 3 })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = each.key
  alarm_description   = "${each.value.description} Runbook: ${var.runbook_url}#${each.value.heading}"
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = each.value.period
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alerts_topic_arn]
  ok_actions          = [var.alerts_topic_arn]
}
