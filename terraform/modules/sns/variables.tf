variable "name" {
  description = "Name of the topic."
  type        = string
}

variable "subscriptions" {
  description = "Queues to subscribe: ARN of the queue, and the event types that it receives; all messages if there are none."
  type        = map(object({ queue_arn = string, event_types = optional(list(string)) }))
  default     = {}
}

variable "emails" {
  description = "Mail addresses to subscribe. Each must confirm its subscription."
  type        = list(string)
  default     = []
}

variable "account_id" {
  description = "AWS account for which publishing_services may publish."
  type        = string
  default     = null

  validation {
    condition     = var.account_id != null || length(var.publishing_services) == 0
    error_message = "account_id is required with publishing_services."
  }
}

variable "publishing_services" {
  description = "AWS services that may publish to the topic, such as cloudwatch.amazonaws.com."
  type        = list(string)
  default     = []
}
