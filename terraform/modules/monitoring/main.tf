locals {
  # One row per alarm of R8 on a function, the table or the API; module sqs has those on the queues.
  alarms = merge(
    { for function in var.functions : "${function.name}-slow" => {
      description = "${function.name} comes near its time-out of ${function.timeout} s.", namespace = "AWS/Lambda", metric = "Duration"
      dimensions  = { FunctionName = function.name }, statistic = "Maximum", threshold = function.timeout * 1000 * 0.8
    } },
    { "bbws-order-table-throttles-${var.environment}" = {
      description = "Requests to the orders table were throttled.", namespace = "AWS/DynamoDB", metric = "ThrottledRequests"
      dimensions  = { TableName = var.table_name }, statistic = "Sum", threshold = 0
    } },
    { "bbws-order-api-5xx-${var.environment}" = {
      description = "The API answered with server errors.", namespace = "AWS/ApiGateway", metric = "5XXError"
      dimensions  = { ApiName = var.api_name, Stage = var.environment }, statistic = "Sum", threshold = 0
    } },
  )

  widgets = [
    { title = "API requests and errors", metrics = [
      ["AWS/ApiGateway", "Count", "ApiName", var.api_name, { stat = "Sum" }],
      ["AWS/ApiGateway", "4XXError", "ApiName", var.api_name, { stat = "Sum" }],
      ["AWS/ApiGateway", "5XXError", "ApiName", var.api_name, { stat = "Sum" }],
    ] },
    { title = "API latency (ms)", metrics = [
      ["AWS/ApiGateway", "Latency", "ApiName", var.api_name, { stat = "p50" }],
      ["AWS/ApiGateway", "Latency", "ApiName", var.api_name, { stat = "p95" }],
    ] },
    { title = "Function errors", metrics = [for function in var.functions : ["AWS/Lambda", "Errors", "FunctionName", function.name, { stat = "Sum" }]] },
    { title = "Function duration p95 (ms)", metrics = [for function in var.functions : ["AWS/Lambda", "Duration", "FunctionName", function.name, { stat = "p95" }]] },
    { title = "Age of the oldest message (s)", metrics = [for name in var.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name, { stat = "Maximum" }]] },
    { title = "Messages in DLQs", metrics = [for name in var.dlqs : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, { stat = "Maximum" }]] },
    { title = "Orders", metrics = [for name in ["OrdersAccepted", "OrdersRecorded", "InvoicesCreated", "MailsSent"] : ["OrderService", name, "service", "order-lambda", { stat = "Sum" }]] },
    { title = "Table", metrics = [
      ["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", var.table_name, { stat = "Sum" }],
      ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", var.table_name, { stat = "Sum" }],
      ["AWS/DynamoDB", "ThrottledRequests", "TableName", var.table_name, { stat = "Sum" }],
    ] },
  ]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = each.key
  alarm_description   = each.value.description
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
  alarm_description   = "More than 5 % of the calls of ${each.value.name} fail."
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

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.dashboard_name
  dashboard_body = jsonencode({
    widgets = [for index, widget in local.widgets : {
      type   = "metric"
      x      = 12 * (index % 2)
      y      = 6 * floor(index / 2)
      width  = 12
      height = 6
      properties = {
        title   = widget.title
        region  = var.region
        metrics = widget.metrics
        period  = 60
        view    = "timeSeries"
      }
    }]
  })
}
