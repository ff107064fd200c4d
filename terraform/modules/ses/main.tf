locals {
  feedback         = var.configuration_set != null
  mail_from_domain = "${var.bounce_subdomain}.${var.domain}"
  # These regions have their own DKIM domain.
  dkim_domain = var.region == "af-south-1" ? "dkim.af-south-1.amazonses.com" : "dkim.amazonses.com"

  # SES reviews an account at these rates, and pauses sending at 10 % of bounces or 0.5 % of complaints.
  alarms = {
    bounces    = { metric = "Reputation.BounceRate", threshold = 0.05, text = "5 % of the mails bounced" }
    complaints = { metric = "Reputation.ComplaintRate", threshold = 0.001, text = "0.1 % of the mails were reported as spam" }
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

resource "aws_ses_configuration_set" "this" {
  #checkov:skip=CKV_AWS_365:SES uses TLS wherever the receiving server has it; customers of the other servers need their invoice too

  count = local.feedback ? 1 : 0

  name                       = var.configuration_set
  reputation_metrics_enabled = true
}

resource "aws_ses_event_destination" "feedback" {
  count = local.feedback ? 1 : 0

  name                   = "feedback"
  configuration_set_name = aws_ses_configuration_set.this[0].name
  enabled                = true
  matching_types         = ["bounce", "complaint", "reject"]

  sns_destination { topic_arn = var.feedback_topic_arn }
}

# SES publishes the rates of the whole account and region, by which it decides, without dimensions.
resource "aws_cloudwatch_metric_alarm" "reputation" {
  for_each = local.feedback ? local.alarms : {}

  alarm_name          = "bbws-mail-${each.key}-${var.environment}"
  alarm_description   = "More than ${each.value.text}. Runbook: ${var.runbook_url}#mails-bounce-or-are-reported-as-spam"
  namespace           = "AWS/SES"
  metric_name         = each.value.metric
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alerts_topic_arn]
  ok_actions          = [var.alerts_topic_arn]
}
