locals {
  # Runbook headings contain {env}; GitHub's anchors drop the braces.
  runbook = { for name in local.alarm_names : name => "${var.runbook_url}#${replace(name, "-${var.environment}", "-env")}" }

  # Alarms on functions and the API. The alarms on queues are in module sqs.
  alarms = merge(
    { for function in var.functions : "${function.name}-slow" => {
      description = "A call of ${function.name} took more than 80 % of its ${function.timeout} s timeout.", namespace = "AWS/Lambda", metric = "Duration"
      dimensions  = { FunctionName = function.name }, statistic = "Maximum", threshold = function.timeout * 1000 * 0.8
    } },
    { "bbws-order-api-5xx-${var.environment}" = {
      description = "The API returned 5xx responses.", namespace = "AWS/ApiGateway", metric = "5XXError"
      dimensions  = { ApiName = var.api_name, Stage = var.environment }, statistic = "Sum", threshold = 0
    } },
  )
  throttles_alarm = "bbws-order-table-throttles-${var.environment}"
  alarm_names     = concat(keys(local.alarms), [for function in var.functions : "${function.name}-errors"], [local.throttles_alarm])

  # DynamoDB counts throttled requests separately for the table and each index; ThrottledRequests has only the operation.
  throttles = merge([for event in ["ReadThrottleEvents", "WriteThrottleEvents"] : merge(
    { lower(event) = { metric = event, dimensions = { TableName = var.table_name } } },
    { for index in var.table_indexes : "${lower(event)}_${lower(index)}" => {
      metric = event, dimensions = { TableName = var.table_name, GlobalSecondaryIndexName = index }
    } },
  )]...)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = each.key
  alarm_description   = "${each.value.description} Runbook: ${local.runbook[each.key]}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alerts_topic_arn]
  ok_actions          = [var.alerts_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "error_rate" {
  for_each = var.functions

  alarm_name          = "${each.value.name}-errors"
  alarm_description   = "More than 5 % of the calls of ${each.value.name} failed in 5 minutes. Runbook: ${local.runbook["${each.value.name}-errors"]}"
  threshold           = 5
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alerts_topic_arn]
  ok_actions          = [var.alerts_topic_arn]

  metric_query {
    id          = "rate"
    expression  = "100 * errors / invocations"
    label       = "Errors in %"
    return_data = true
  }

  metric_query {
    id = "errors"
    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = each.value.name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id = "invocations"
    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      dimensions  = { FunctionName = each.value.name }
      stat        = "Sum"
      period      = 300
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  alarm_name          = local.throttles_alarm
  alarm_description   = "DynamoDB throttled requests to the orders table. Runbook: ${local.runbook[local.throttles_alarm]}"
  threshold           = 0
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alerts_topic_arn]
  ok_actions          = [var.alerts_topic_arn]

  metric_query {
    id          = "throttled"
    expression  = join(" + ", [for id in keys(local.throttles) : "FILL(${id}, 0)"])
    label       = "Throttled requests"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.throttles

    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = "Sum"
        period      = 300
      }
    }
  }
}
