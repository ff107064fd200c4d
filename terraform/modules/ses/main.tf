locals {
  feedback         = var.configuration_set != null
  mail_from_domain = "${var.bounce_subdomain}.${var.domain}"
  # These regions have their own DKIM domain.
  dkim_domain = var.region == "af-south-1" ? "dkim.af-south-1.amazonses.com" : "dkim.amazonses.com"

  alarms = {
    # SES reviews an account at these rates, and pauses sending at 10 % of bounces or 0.5 % of complaints. It publishes the
    # rates of the whole account and region, by which it decides, without dimensions.
    bounces = {
      description = "More than 5 % of the mails bounced.", namespace = "AWS/SES", dimensions = {}
      metric      = "Reputation.BounceRate", statistic = "Maximum", period = 3600, threshold = 0.05
    }
    complaints = {
      description = "More than 0.1 % of the mails were reported as spam.", namespace = "AWS/SES", dimensions = {}
      metric      = "Reputation.ComplaintRate", statistic = "Maximum", period = 3600, threshold = 0.001
    }
    # The team learns of a customer's bounce by mail, and of the bounce of its own mails here.
    internal = {
      description = "A mail to the internal team did not arrive.", namespace = "OrderService", dimensions = { service = "order-lambda" }
      metric      = "InternalMailsFailed", statistic = "Sum", period = 300, threshold = 0
    }
  }
}

resource "aws_ses_domain_identity" "this" {
  domain = var.domain
}

resource "aws_ses_domain_dkim" "this" {
  domain = aws_ses_domain_identity.this.domain
}

# With its own MAIL FROM domain, SPF is aligned with the sender's domain.
resource "aws_ses_domain_mail_from" "this" {
  count = local.feedback ? 1 : 0

  domain           = aws_ses_domain_identity.this.domain
  mail_from_domain = local.mail_from_domain
  # Send from amazonses.com until the MX record exists.
  behavior_on_mx_failure = "UseDefaultValue"
}

resource "aws_sesv2_configuration_set" "this" {
  #checkov:skip=CKV_AWS_365:SES uses TLS wherever the receiving server has it; customers of the other servers need their invoice too

  count = local.feedback ? 1 : 0

  configuration_set_name = var.configuration_set
  reputation_options { reputation_metrics_enabled = true }
  # No further mail goes to an address that complained or does not exist: SES puts it on the account's suppression list.
  suppression_options { suppressed_reasons = ["BOUNCE", "COMPLAINT"] }
}

resource "aws_sesv2_configuration_set_event_destination" "feedback" {
  for_each = local.feedback ? var.feedback_topics : {}

  configuration_set_name = aws_sesv2_configuration_set.this[0].configuration_set_name
  event_destination_name = each.key

  event_destination {
    enabled              = true
    matching_event_types = each.value.event_types

    sns_destination { topic_arn = each.value.arn }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.feedback ? local.alarms : {}

  alarm_name          = "bbws-mail-${each.key}-${var.environment}"
  alarm_description   = "${each.value.description} Runbook: ${var.runbook_url}#bbws-mail-${each.key}-env"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alerts_topic_arn]
  ok_actions          = [var.alerts_topic_arn]
}
