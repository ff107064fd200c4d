output "api_url" {
  description = "URL of the API in AWS."
  value       = module.api.url
}

output "domain_name" {
  description = "Name of the API; empty if it has none of its own."
  value       = length(module.domain) == 0 ? "" : var.domain_name
}

output "hosted_zone_id" {
  description = "Id of the hosted zone of that name; empty if there is none."
  value       = var.hosted_zone_id
}

output "api_id" {
  description = "Id of the REST API."
  value       = module.api.id
}

output "stage" {
  description = "Stage of the REST API."
  value       = var.environment
}

output "user_pool_id" {
  description = "Id of the Cognito user pool."
  value       = var.authorizer == "cognito" ? module.users[0].pool_id : local.issuer_pool
}

output "user_pool_client_id" {
  description = "Id of the app client that users sign in with."
  value       = var.authorizer == "cognito" ? module.users[0].client_id : "issuer"
}

output "orders_table" {
  description = "Name of the orders table."
  value       = local.table_name
}

output "idempotency_table" {
  description = "Name of the idempotency table."
  value       = local.idempotency_table_name
}

output "orders_bucket" {
  description = "Name of the bucket with the invoices."
  value       = local.orders_bucket
}

output "templates_bucket" {
  description = "Name of the bucket with the templates."
  value       = local.templates_bucket
}

output "events_topic_arn" {
  description = "ARN of the order events topic."
  value       = module.events.arn
}

output "alerts_topic_arn" {
  description = "ARN of the topic that alarms go to."
  value       = module.alerts.arn
}

output "queue_names" {
  description = "Name of each queue, keyed by the function that consumes it."
  value       = { for function, queue in local.queues : function => "${queue.name}-${var.environment}" }
}

output "dlq_names" {
  description = "Name of each DLQ, keyed by the function that consumes its queue."
  value       = { for function, queue in local.queues : function => "${queue.name}-dlq-${var.environment}" }
}

output "function_names" {
  description = "Name of each function in AWS, keyed by its folder."
  value       = local.function_names
}

output "role_names" {
  description = "Name of each function's role, keyed by its folder."
  value       = { for folder, function in module.function : folder => function.role_name }
}

output "alarm_names" {
  description = "Names of all alarms. A canary is rolled back when one of them goes into ALARM."
  value       = concat(module.monitoring.alarm_names, flatten([for queue in module.queue : queue.alarm_names]))
}

output "mail_alarm_names" {
  description = "Names of the alarms on mails that do not arrive. Some last for days, so a canary ignores them."
  value       = module.mail.alarm_names
}

output "mail_dns_records" {
  description = "DNS records that the sending domain needs: verification, DKIM, MAIL FROM."
  value       = module.mail.dns_records
}

output "saved_queries" {
  description = "Saved Logs Insights queries, keyed by name."
  value       = module.monitoring.queries
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = module.monitoring.dashboard_name
}
