# Module monitoring: alarms and their runbook links, the dashboard, the saved queries.

mock_provider "aws" {}

variables {
  environment       = "dev"
  account_id        = "536580886816"
  region            = "af-south-1"
  dashboard_name    = "bbws-order-dev"
  alerts_topic_arn  = "arn:aws:sns:af-south-1:536580886816:bbws-alerts-dev"
  functions         = { create_order = { name = "bbws-order-lambda-create-order-dev", timeout = 30 }, order_pdf_creator = { name = "bbws-order-lambda-pdf-creator-dev", timeout = 60 } }
  queues            = ["bbws-order-pdf-dev"]
  dlqs              = ["bbws-order-pdf-dlq-dev"]
  queue_alarm_names = ["bbws-order-pdf-dlq-dev-not-empty"]
  table_name        = "bbws-customer-portal-orders-dev"
  table_indexes     = ["OrderByIdIndex"]
  api_name          = "bbws-order-api-dev"
  runbook_url       = "https://example.com/docs/runbooks/troubleshooting.md"
}

run "alarms" {
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition = output.alarm_descriptions == { for name, text in {
      "bbws-order-lambda-create-order-dev-slow"   = "A call of bbws-order-lambda-create-order-dev took more than 80 % of its 30 s timeout."
      "bbws-order-lambda-pdf-creator-dev-slow"    = "A call of bbws-order-lambda-pdf-creator-dev took more than 80 % of its 60 s timeout."
      "bbws-order-lambda-create-order-dev-errors" = "More than 5 % of the calls of bbws-order-lambda-create-order-dev failed in 5 minutes."
      "bbws-order-lambda-pdf-creator-dev-errors"  = "More than 5 % of the calls of bbws-order-lambda-pdf-creator-dev failed in 5 minutes."
      "bbws-order-api-5xx-dev"                    = "The API returned 5xx responses."
      "bbws-order-table-throttles-dev"            = "DynamoDB throttled requests to the orders table."
      "bbws-order-rejections-dev"                 = "More than half of at least 20 orders were rejected in 5 minutes."
    } : name => "${text} Runbook: https://example.com/docs/runbooks/troubleshooting.md#${replace(name, "-dev", "-env")}" }
    error_message = "Each alarm's description must say what happened and end with the URL of its runbook heading."
  }

  assert {
    condition     = toset(output.alarm_names) == toset(keys(output.alarm_descriptions))
    error_message = "alarm_names must contain every alarm, because a canary watches them."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["bbws-order-lambda-pdf-creator-dev-slow"].threshold == 48000
    error_message = "The threshold must be 80 % of the function's timeout."
  }

  assert {
    condition = toset([
      for query in aws_cloudwatch_metric_alarm.expression["bbws-order-table-throttles-dev"].metric_query : "${query.metric[0].metric_name} ${join(" ", values(query.metric[0].dimensions))}" if length(query.metric) > 0
      ]) == toset([
      "ReadThrottleEvents bbws-customer-portal-orders-dev", "WriteThrottleEvents bbws-customer-portal-orders-dev",
      "ReadThrottleEvents OrderByIdIndex bbws-customer-portal-orders-dev", "WriteThrottleEvents OrderByIdIndex bbws-customer-portal-orders-dev",
    ])
    error_message = "The alarm must add up the throttled requests of the table and each index."
  }
}

run "dashboard" {
  command = plan
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = [for widget in jsondecode(output.dashboard_body).widgets : widget.type][0] == "alarm"
    error_message = "The list of alarms must come first."
  }

  assert {
    condition = toset(jsondecode(output.dashboard_body).widgets[0].properties.alarms) == toset([
      for name in concat(output.alarm_names, ["bbws-order-pdf-dlq-dev-not-empty"]) : "arn:aws:cloudwatch:af-south-1:536580886816:alarm:${name}"
    ])
    error_message = "The dashboard must show every alarm, including the queue alarms."
  }

  assert {
    condition     = [for widget in jsondecode(output.dashboard_body).widgets : widget.properties.title if widget.type == "metric"][0] == "Orders accepted, recorded, rejected, invoiced; mails sent"
    error_message = "Customer impact must come before system metrics."
  }

  assert {
    condition = { for widget in jsondecode(output.dashboard_body).widgets : widget.properties.title => [for limit in widget.properties.annotations.horizontal : limit.value] if widget.type == "metric" } == {
      "Orders accepted, recorded, rejected, invoiced; mails sent" = []
      "API errors"                                                = [0]
      "API latency (ms)"                                          = [300]
      "Age of the oldest message (s)"                             = [10, 600]
      "Messages waiting"                                          = [1000]
      "Messages in DLQs"                                          = [0]
      "Functions: errors and throttles"                           = []
      "Functions: maximum duration (ms)"                          = [24000]
      "Orders table: throttled requests"                          = [0]
      "Value of recorded orders (ZAR)"                            = []
    }
    error_message = "Plots must show the agreed limits and the alarm thresholds."
  }

  assert {
    condition = length(distinct([for widget in jsondecode(output.dashboard_body).widgets : "${widget.x} ${widget.y}"])) == length(jsondecode(output.dashboard_body).widgets) && alltrue([
      for widget in jsondecode(output.dashboard_body).widgets : widget.x + widget.width <= 24
    ])
    error_message = "Widgets must not overlap or leave the grid."
  }

  assert {
    condition     = alltrue([for page in ["troubleshooting", "rollback", "disaster-recovery", "operations"] : strcontains(output.dashboard_body, "(https://example.com/docs/runbooks/${page}.md)")])
    error_message = "The dashboard must link to the runbooks."
  }
}

run "queries" {
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = toset(keys(output.queries)) == toset([for name in ["errors", "refused", "trace", "crashes", "slow", "rejections"] : "bbws-order-dev/${name}"])
    error_message = "The queries that the runbooks name must be saved in the environment's folder."
  }

  assert {
    condition     = alltrue([for query in aws_cloudwatch_query_definition.this : toset(query.log_group_names) == toset(["/aws/lambda/bbws-order-lambda-create-order-dev", "/aws/lambda/bbws-order-lambda-pdf-creator-dev"])])
    error_message = "Each query must read the logs of all functions."
  }

  assert {
    condition     = strcontains(output.queries["bbws-order-dev/trace"], "like /ID/")
    error_message = "The query `trace` must contain the placeholder ID."
  }
}
