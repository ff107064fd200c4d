output "arn" {
  description = "ARN of the domain identity."
  value       = aws_ses_domain_identity.this.arn
}

output "dns_records" {
  description = "DNS records that the domain's owner must create: verification, DKIM, MAIL FROM."
  value = concat(
    [{ name = "_amazonses.${var.domain}", type = "TXT", value = aws_ses_domain_identity.this.verification_token }],
    [for token in aws_ses_domain_dkim.this.dkim_tokens : { name = "${token}._domainkey.${var.domain}", type = "CNAME", value = "${token}.${local.dkim_domain}" }],
    local.feedback ? [
      { name = local.mail_from_domain, type = "MX", value = "10 feedback-smtp.${var.region}.amazonses.com" },
      { name = local.mail_from_domain, type = "TXT", value = "v=spf1 include:amazonses.com ~all" },
    ] : [],
  )
}

output "alarm_names" {
  description = "Names of the alarms on mails that do not arrive."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
