output "url" {
  description = "URL of the API at its own name."
  value       = "https://${var.domain_name}"
}

output "health_check_id" {
  description = "Id of the health check; null without a fail-over."
  value       = one(aws_route53_health_check.this[*].id)
}

output "failover" {
  description = "Routing of the record: PRIMARY, SECONDARY, or null for a plain record."
  value       = one(aws_route53_record.api.failover_routing_policy[*].type)
}
