# Not encrypted with a key of ours: SNS needs a customer key's policy for each of its senders, and what passes here
# names an order and holds nothing personal (docs/architecture.md).
resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:what passes here names an order and holds nothing personal

  name = var.name
}

resource "aws_sns_topic_policy" "this" {
  count = length(var.publishing_services) > 0 ? 1 : 0

  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ServicesPublish"
      Effect    = "Allow"
      Principal = { Service = var.publishing_services }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
    }]
  })
}

resource "aws_sns_topic_subscription" "queue" {
  for_each = var.subscriptions

  topic_arn            = aws_sns_topic.this.arn
  protocol             = "sqs"
  endpoint             = each.value.queue_arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ eventType = each.value.event_types })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}
