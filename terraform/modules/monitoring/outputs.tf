output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "dashboard_body" {
  description = "Definition of the dashboard, as JSON."
  value       = aws_cloudwatch_dashboard.this.dashboard_body
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = local.alarm_names
}

output "alarm_descriptions" {
  description = "Alarm descriptions, keyed by alarm name."
  value       = { for name, alarm in merge(aws_cloudwatch_metric_alarm.this, aws_cloudwatch_metric_alarm.expression) : name => alarm.alarm_description }
}

output "queries" {
  description = "Saved queries, keyed by name."
  value       = { for query in aws_cloudwatch_query_definition.this : query.name => query.query_string }
}
