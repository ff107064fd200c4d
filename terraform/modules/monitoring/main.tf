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

  # Alarms on an expression. `metrics` are keyed by their ids in the expression.
  expression_alarms = merge(
    { for function in var.functions : "${function.name}-errors" => {
      description = "More than 5 % of the calls of ${function.name} failed in 5 minutes.", threshold = 5
      expression  = "100 * errors / invocations", label = "Errors in %", namespace = "AWS/Lambda"
      metrics     = { for name in ["Errors", "Invocations"] : lower(name) => { metric = name, dimensions = { FunctionName = function.name } } }
    } },
    { "bbws-order-table-throttles-${var.environment}" = {
      description = "DynamoDB throttled requests to the orders table.", threshold = 0, label = "Throttled requests"
      expression  = join(" + ", [for id in keys(local.throttles) : "FILL(${id}, 0)"]), namespace = "AWS/DynamoDB", metrics = local.throttles
    } },
    # With few orders one customer's mistakes would be most of them.
    { "bbws-order-rejections-${var.environment}" = {
      description = "More than half of at least 20 orders were rejected in 5 minutes.", threshold = 50, label = "Rejected in %"
      expression  = "IF(accepted >= 20, 100 * FILL(rejected, 0) / accepted, 0)", namespace = "OrderService"
      metrics     = { for name in ["Accepted", "Rejected"] : lower(name) => { metric = "Orders${name}", dimensions = { service = "order-lambda" } } }
    } },
  )
  alarm_names = concat(keys(local.alarms), keys(local.expression_alarms))

  # DynamoDB counts throttled requests separately for the table and each index; ThrottledRequests has only the operation.
  throttles = merge([for event in ["ReadThrottleEvents", "WriteThrottleEvents"] : merge(
    { (lower(event)) = { metric = event, dimensions = { TableName = var.table_name } } },
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

resource "aws_cloudwatch_metric_alarm" "expression" {
  for_each = local.expression_alarms

  alarm_name          = each.key
  alarm_description   = "${each.value.description} Runbook: ${local.runbook[each.key]}"
  threshold           = each.value.threshold
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alerts_topic_arn]
  ok_actions          = [var.alerts_topic_arn]

  metric_query {
    id          = "result"
    expression  = each.value.expression
    label       = each.value.label
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = metric_query.key
      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = "Sum"
        period      = 300
      }
    }
  }
}
