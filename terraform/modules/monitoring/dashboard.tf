# For incidents, in this order: are customers affected, where do messages wait, what fails.

locals {
  orders = [for name in ["OrdersAccepted", "OrdersRecorded", "OrdersRejected", "InvoicesCreated", "MailsSent"] :
    ["OrderService", name, "service", "order-lambda", { stat = "Sum" }]
  ]
  api = ["ApiName", var.api_name, "Stage", var.environment]

  # `limits` are the agreed limits and the alarm thresholds.
  plots = [
    { title = "Orders accepted, recorded, rejected, invoiced; mails sent", metrics = local.orders, limits = [] },
    { title = "API errors", limits = [{ label = "alarm: any 5xx", value = 0 }], metrics = [
      concat(["AWS/ApiGateway", "5XXError"], local.api, [{ stat = "Sum", color = "#d62728" }]),
      concat(["AWS/ApiGateway", "4XXError"], local.api, [{ stat = "Sum" }]),
      concat(["AWS/ApiGateway", "Count"], local.api, [{ stat = "Sum", yAxis = "right" }]),
    ] },
    { title = "API latency (ms)", limits = [{ label = "agreed limit: create p95", value = 300 }], metrics = [
      concat(["AWS/ApiGateway", "Latency"], local.api, [{ stat = "p95" }]),
      ["AWS/Lambda", "Duration", "FunctionName", var.functions["create_order"].name, { stat = "p95" }],
    ] },
    { title = "Age of the oldest message (s)", limits = [{ label = "agreed limit: mail p95", value = 10 }, { label = "alarm", value = 600 }], metrics = [
      for name in var.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name, { stat = "Maximum" }]
    ] },
    { title = "Messages waiting", limits = [{ label = "alarm", value = 1000 }], metrics = [
      for name in var.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, { stat = "Maximum" }]
    ] },
    { title = "Messages in DLQs", limits = [{ label = "alarm: any", value = 0 }], metrics = [
      for name in var.dlqs : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, { stat = "Maximum" }]
    ] },
    { title = "Functions: errors and throttles", limits = [], metrics = concat(
      [for function in var.functions : ["AWS/Lambda", "Errors", "FunctionName", function.name, { stat = "Sum" }]],
      [for function in var.functions : ["AWS/Lambda", "Throttles", "FunctionName", function.name, { stat = "Sum" }]],
    ) },
    { title = "Functions: maximum duration (ms)", limits = [{ label = "alarm: 80 % of 30 s", value = 24000 }], metrics = [
      for function in var.functions : ["AWS/Lambda", "Duration", "FunctionName", function.name, { stat = "Maximum" }]
    ] },
    { title = "Orders table: throttled requests", limits = [{ label = "alarm: any", value = 0 }], metrics = [
      for throttle in local.throttles : concat(["AWS/DynamoDB", throttle.metric], flatten([for name, value in throttle.dimensions : [name, value]]), [{ stat = "Sum" }])
    ] },
    { title = "Value of recorded orders (ZAR)", limits = [], metrics = [["OrderService", "OrderValue", "service", "order-lambda", { stat = "Sum" }]] },
  ]

  alarm_arns = [for name in concat(var.queue_alarm_names, local.alarm_names) : "arn:aws:cloudwatch:${var.region}:${var.account_id}:alarm:${name}"]

  widgets = concat(
    [
      { type = "alarm", x = 0, y = 0, width = 18, height = 5, properties = { title = "Alarms", alarms = local.alarm_arns, sortBy = "stateUpdatedTimestamp" } },
      { type = "text", x = 18, y = 0, width = 6, height = 5, properties = { markdown = join("\n", [
        "**Alarm?** Its description links to the runbook.",
        "",
        "[Troubleshooting](${var.runbook_url})",
        "[Rollback](${replace(var.runbook_url, "troubleshooting.md", "rollback.md")})",
        "[Disaster recovery](${replace(var.runbook_url, "troubleshooting.md", "disaster-recovery.md")})",
        "[Operations](${replace(var.runbook_url, "troubleshooting.md", "operations.md")})",
      ]) } },
    ],
    [for index, plot in local.plots : {
      type = "metric", x = 12 * (index % 2), y = 5 + 6 * floor(index / 2), width = 12, height = 6
      properties = {
        title       = plot.title, region = var.region, metrics = plot.metrics, period = 60, view = "timeSeries"
        annotations = { horizontal = plot.limits }
      }
    }],
    [{
      type = "log", x = 0, y = 5 + 6 * ceil(length(local.plots) / 2), width = 24, height = 6
      properties = {
        title = "Newest errors", region = var.region, view = "table"
        query = join(" | ", concat([for group in local.log_groups : "SOURCE '${group}'"], [local.queries["errors"]]))
      }
    }],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.dashboard_name
  dashboard_body = jsonencode({ widgets = local.widgets })
}
