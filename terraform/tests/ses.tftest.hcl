# Module ses: identity, feedback, reputation alarms, DNS records.

mock_provider "aws" {
  mock_resource "aws_ses_domain_identity" {
    defaults = { verification_token = "verify" }
  }
  mock_resource "aws_ses_domain_dkim" {
    defaults = { dkim_tokens = ["one", "two", "three"] }
  }
}

variables {
  domain            = "kimmyai.io"
  region            = "af-south-1"
  environment       = "prod"
  configuration_set = "bbws-order-mail-prod"
  feedback_topics = {
    bounces    = { arn = "arn:aws:sns:af-south-1:093646564004:bbws-ses-bounces-prod", event_types = ["BOUNCE", "REJECT"] }
    complaints = { arn = "arn:aws:sns:af-south-1:093646564004:bbws-ses-complaints-prod", event_types = ["COMPLAINT"] }
  }
  alerts_topic_arn = "arn:aws:sns:af-south-1:093646564004:bbws-alerts-prod"
  runbook_url      = "https://example.com/troubleshooting.md"
}

run "the_domain" {
  module {
    source = "./modules/ses"
  }

  assert {
    condition = { for name, destination in aws_sesv2_configuration_set_event_destination.feedback : name => [
      toset(destination.event_destination[0].matching_event_types), destination.event_destination[0].sns_destination[0].topic_arn,
      ] } == {
      bounces    = [toset(["BOUNCE", "REJECT"]), var.feedback_topics.bounces.arn]
      complaints = [toset(["COMPLAINT"]), var.feedback_topics.complaints.arn]
    }
    error_message = "Bounces and rejects must go to one topic, complaints to the other."
  }

  assert {
    condition     = toset(aws_sesv2_configuration_set.this[0].suppression_options[0].suppressed_reasons) == toset(["BOUNCE", "COMPLAINT"])
    error_message = "No further mail may go to an address that complained or does not exist."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name => [alarm.metric_name, alarm.threshold, tolist(alarm.alarm_actions)[0]] } == {
      "bbws-mail-bounces-prod"    = ["Reputation.BounceRate", 0.05, var.alerts_topic_arn]
      "bbws-mail-complaints-prod" = ["Reputation.ComplaintRate", 0.001, var.alerts_topic_arn]
      "bbws-mail-internal-prod"   = ["InternalMailsFailed", 0, var.alerts_topic_arn]
    }
    error_message = "There must be an alarm before SES pauses the account, and when the team gets no mails."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : endswith(alarm.alarm_description, " Runbook: https://example.com/troubleshooting.md#bbws-mail-${name}-env")])
    error_message = "Each alarm must link to its heading in the runbook."
  }

  assert {
    condition = output.dns_records == [
      { name = "_amazonses.kimmyai.io", type = "TXT", value = "verify" },
      { name = "one._domainkey.kimmyai.io", type = "CNAME", value = "one.dkim.af-south-1.amazonses.com" },
      { name = "two._domainkey.kimmyai.io", type = "CNAME", value = "two.dkim.af-south-1.amazonses.com" },
      { name = "three._domainkey.kimmyai.io", type = "CNAME", value = "three.dkim.af-south-1.amazonses.com" },
      { name = "bounce.kimmyai.io", type = "MX", value = "10 feedback-smtp.af-south-1.amazonses.com" },
      { name = "bounce.kimmyai.io", type = "TXT", value = "v=spf1 include:amazonses.com ~all" },
    ]
    error_message = "A person must be able to read every DNS record from the output."
  }

  assert {
    condition     = aws_ses_domain_mail_from.this[0].behavior_on_mx_failure == "UseDefaultValue"
    error_message = "Mails must be sent before the MX record exists, too."
  }
}

run "without_feedback" {
  module {
    source = "./modules/ses"
  }
  variables {
    configuration_set = null
    feedback_topics   = {}
  }

  assert {
    condition     = length(aws_sesv2_configuration_set.this) == 0 && length(output.alarm_names) == 0 && length(output.dns_records) == 4
    error_message = "An engine without SES v2 must get the identity only."
  }
}
