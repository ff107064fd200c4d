output "failover" {
  description = "Routing of the record: PRIMARY, SECONDARY, or null for a plain record."
  value       = one(aws_route53_record.api.failover_routing_policy[*].type)
}
