# R8 on module monitoring: alarms and where they lead, the dashboard, the saved queries.

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
      "bbws-order-lambda-create-order-dev-slow"   = "bbws-order-lambda-create-order-dev comes near its time-out of 30 s."
      "bbws-order-lambda-pdf-creator-dev-slow"    = "bbws-order-lambda-pdf-creator-dev comes near its time-out of 60 s."
      "bbws-order-lambda-create-order-dev-errors" = "More than 5 % of the calls of bbws-order-lambda-create-order-dev fail."
      "bbws-order-lambda-pdf-creator-dev-errors"  = "More than 5 % of the calls of bbws-order-lambda-pdf-creator-dev fail."
      "bbws-order-api-5xx-dev"                    = "The API answered with server errors."
      "bbws-order-table-throttles-dev"            = "Requests to the orders table were throttled."
    } : name => "${text} Runbook: https://example.com/docs/runbooks/troubleshooting.md#${replace(name, "-dev", "-env")}" }
    error_message = "Each alarm says what it means, and ends with the URL of its heading in the runbook."
  }

  assert {
    condition     = toset(output.alarm_names) == toset(keys(output.alarm_descriptions))
    error_message = "A canary is watched by every alarm."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["bbws-order-lambda-pdf-creator-dev-slow"].threshold == 48000
    error_message = "A function is slow at 80 % of its time-out."
  }

  assert {
    condition = toset([
      for query in aws_cloudwatch_metric_alarm.throttles.metric_query : "${query.metric[0].metric_name} ${join(" ", values(query.metric[0].dimensions))}" if length(query.metric) > 0
      ]) == toset([
      "ReadThrottleEvents bbws-customer-portal-orders-dev", "WriteThrottleEvents bbws-customer-portal-orders-dev",
      "ReadThrottleEvents OrderByIdIndex bbws-customer-portal-orders-dev", "WriteThrottleEvents OrderByIdIndex bbws-customer-portal-orders-dev",
    ])
    error_message = "DynamoDB counts what it throttles on the table and on each index."
  }
}

run "dashboard" {
  command = plan
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = [for widget in jsondecode(output.dashboard_body).widgets : widget.type][0] == "alarm"
    error_message = "What rings stands first."
  }

  assert {
    condition = toset(jsondecode(output.dashboard_body).widgets[0].properties.alarms) == toset([
      for name in concat(output.alarm_names, ["bbws-order-pdf-dlq-dev-not-empty"]) : "arn:aws:cloudwatch:af-south-1:536580886816:alarm:${name}"
    ])
    error_message = "The dashboard shows every alarm, those of the queues too."
  }

  assert {
    condition     = [for widget in jsondecode(output.dashboard_body).widgets : widget.properties.title if widget.type == "metric"][0] == "Orders on their way: accepted, recorded, invoiced; mails"
    error_message = "The customer comes before the machine."
  }

  assert {
    condition = { for widget in jsondecode(output.dashboard_body).widgets : widget.properties.title => [for limit in widget.properties.annotations.horizontal : limit.value] if widget.type == "metric" } == {
      "Orders on their way: accepted, recorded, invoiced; mails" = []
      "API errors"                                               = [0]
      "API latency (ms)"                                         = [300]
      "Age of the oldest message (s)"                            = [10, 600]
      "Messages waiting"                                         = [1000]
      "Messages in DLQs"                                         = [0]
      "Functions: errors and throttles"                          = []
      "Functions: longest call (ms)"                             = [24000]
      "Throttled by the orders table"                            = [0]
      "Value of recorded orders (rand)"                          = []
    }
    error_message = "R8: the promises, and where an alarm rings, are lines across the plots."
  }

  assert {
    condition = length(distinct([for widget in jsondecode(output.dashboard_body).widgets : "${widget.x} ${widget.y}"])) == length(jsondecode(output.dashboard_body).widgets) && alltrue([
      for widget in jsondecode(output.dashboard_body).widgets : widget.x + widget.width <= 24
    ])
    error_message = "No widget lies on another, or out of the grid."
  }

  assert {
    condition     = alltrue([for page in ["troubleshooting", "rollback", "disaster-recovery", "operations"] : strcontains(output.dashboard_body, "(https://example.com/docs/runbooks/${page}.md)")])
    error_message = "The dashboard leads to the runbooks."
  }
}

run "queries" {
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = toset(keys(output.queries)) == toset([for name in ["errors", "refused", "trace", "crashes", "slow"] : "bbws-order-dev/${name}"])
    error_message = "The queries that the runbooks name are saved, in the environment's folder."
  }

  assert {
    condition     = alltrue([for query in aws_cloudwatch_query_definition.this : toset(query.log_group_names) == toset(["/aws/lambda/bbws-order-lambda-create-order-dev", "/aws/lambda/bbws-order-lambda-pdf-creator-dev"])])
    error_message = "A query reads the logs of all functions."
  }

  assert {
    condition     = strcontains(output.queries["bbws-order-dev/trace"], "like /ID/")
    error_message = "The query trace has a blank for the id."
  }
}
