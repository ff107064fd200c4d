output "arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "dlq_arn" {
  description = "ARN of the DLQ."
  value       = aws_sqs_queue.dlq.arn
}

output "alarm_names" {
  description = "Names of the alarms of the queue and its DLQ."
  value       = keys(local.alarms)
}
