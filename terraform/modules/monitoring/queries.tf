# Saved CloudWatch Logs Insights queries. They use only what the local engine also supports: `filter … like`, `sort`,
# `limit`, and the fields of our JSON log lines.

locals {
  log_groups = [for function in var.functions : "/aws/lambda/${function.name}"]
  log_fields = "fields @timestamp, function_name, level, message, reason, error_type, order_id, sqs_message_id, correlation_id"
  queries = {
    errors  = "${local.log_fields} | filter @message like /\"level\":\"(ERROR|CRITICAL)\"/ | sort @timestamp desc | limit 50"
    refused = "${local.log_fields} | filter @message like /\"message\":\"message (refused|failed)\"/ | sort @timestamp desc | limit 50"
    # Orders of carts that cannot be ordered.
    rejections = "fields @timestamp, message, code, reason, order_id, correlation_id | filter @message like /\"message\":\"cart refused\"/ | sort @timestamp desc | limit 50"
    # Replace ID by an order id or a correlation id.
    trace = "${local.log_fields} | filter @message like /ID/ | sort @timestamp asc | limit 200"
    # Lambda's own lines for calls without a response. Our lines are JSON and do not match.
    crashes = "fields @timestamp, @log, @message | filter @message like /^(\\[ERROR\\]|[A-Za-z_.]+(Error|Exception): )|Task timed out|Runtime\\.(ExitError|ImportModuleError)/ | sort @timestamp desc | limit 50"
    # Calls of one second or more.
    slow = "fields @timestamp, @log, @message | filter @message like /REPORT RequestId.+\\tDuration: [0-9]{4,}/ | sort @timestamp desc | limit 50"
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "bbws-order-${var.environment}/${each.key}"
  log_group_names = local.log_groups
  query_string    = each.value
}
