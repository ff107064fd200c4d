output "arn" {
  description = "ARN of the topic."
  value       = aws_sns_topic.this.arn

  # A service tests whether it may publish as soon as it is given the topic.
  depends_on = [aws_sns_topic_policy.this]
}
