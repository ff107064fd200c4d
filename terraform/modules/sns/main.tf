# Not encrypted with a customer-managed key: every publisher would need permissions for it. Events hold order ids and no
# personal data; what SES reports names the recipient, is sent over TLS and stored in encrypted queues only.
resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:a topic stores messages only until they are delivered, to encrypted queues

  name = var.name
}

resource "aws_sns_topic_policy" "this" {
  count = length(var.publishing_services) > 0 ? 1 : 0

  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AllowServices"
      Effect    = "Allow"
      Principal = { Service = var.publishing_services }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
      # Otherwise the service would also publish for alarms of other accounts.
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "queue" {
  for_each = var.subscriptions

  topic_arn            = aws_sns_topic.this.arn
  protocol             = "sqs"
  endpoint             = each.value.queue_arn
  raw_message_delivery = true
  filter_policy_scope  = each.value.event_types == null ? null : "MessageAttributes"
  filter_policy        = each.value.event_types == null ? null : jsonencode({ eventType = each.value.event_types })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}
