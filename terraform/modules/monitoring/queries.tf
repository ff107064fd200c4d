# Saved queries of CloudWatch Logs Insights. They use of its language what the local engine knows too: `filter … like`,
# `sort`, `limit`, and the fields of our JSON lines.

locals {
  log_groups = [for function in var.functions : "/aws/lambda/${function.name}"]
  log_fields = "fields @timestamp, function_name, level, message, reason, error_type, order_id, sqs_message_id, correlation_id"
  queries = {
    errors  = "${local.log_fields} | filter @message like /\"level\":\"(ERROR|CRITICAL)\"/ | sort @timestamp desc | limit 50"
    refused = "${local.log_fields} | filter @message like /\"message\":\"message (refused|failed)\"/ | sort @timestamp desc | limit 50"
    # Put an order's id or a correlation id in the place of ID.
    trace = "${local.log_fields} | filter @message like /ID/ | sort @timestamp asc | limit 200"
    # What Lambda writes of a call that ended without an answer; our own lines are JSON, and begin otherwise.
    crashes = "fields @timestamp, @log, @message | filter @message like /^(\\[ERROR\\]|[A-Za-z_.]+(Error|Exception): )|Task timed out|Runtime\\.(ExitError|ImportModuleError)/ | sort @timestamp desc | limit 50"
    # Calls of a second and more.
    slow = "fields @timestamp, @log, @message | filter @message like /REPORT RequestId.+\\tDuration: [0-9]{4,}/ | sort @timestamp desc | limit 50"
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "bbws-order-${var.environment}/${each.key}"
  log_group_names = local.log_groups
  query_string    = each.value
}
