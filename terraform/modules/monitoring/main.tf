locals {
  # An alarm's heading in the runbook has {env} for the environment, of which an anchor keeps the letters.
  runbook = { for name in local.alarm_names : name => "${var.runbook_url}#${replace(name, "-${var.environment}", "-env")}" }

  # One row per alarm of R8 on a function or the API; module sqs has those on the queues.
  alarms = merge(
    { for function in var.functions : "${function.name}-slow" => {
      description = "${function.name} comes near its time-out of ${function.timeout} s.", namespace = "AWS/Lambda", metric = "Duration"
      dimensions  = { FunctionName = function.name }, statistic = "Maximum", threshold = function.timeout * 1000 * 0.8
    } },
    { "bbws-order-api-5xx-${var.environment}" = {
      description = "The API answered with server errors.", namespace = "AWS/ApiGateway", metric = "5XXError"
      dimensions  = { ApiName = var.api_name, Stage = var.environment }, statistic = "Sum", threshold = 0
    } },
  )
  throttles_alarm = "bbws-order-table-throttles-${var.environment}"
  alarm_names     = concat(keys(local.alarms), [for function in var.functions : "${function.name}-errors"], [local.throttles_alarm])

  # DynamoDB counts what it throttles on the table and on each index apart; ThrottledRequests is by operation only.
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
  alarm_description   = "More than 5 % of the calls of ${each.value.name} fail. Runbook: ${local.runbook["${each.value.name}-errors"]}"
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
  alarm_description   = "Requests to the orders table were throttled. Runbook: ${local.runbook[local.throttles_alarm]}"
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
