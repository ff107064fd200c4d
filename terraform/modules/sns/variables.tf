variable "name" {
  description = "Name of the topic."
  type        = string
}

variable "subscriptions" {
  description = "Queues that get the topic's messages, each with the event types it wants."
  type        = map(object({ queue_arn = string, event_types = list(string) }))
  default     = {}
}

variable "emails" {
  description = "Addresses that get the topic's messages, once each has confirmed."
  type        = list(string)
  default     = []
}

variable "publishing_services" {
  description = "AWS services that may publish to the topic."
  type        = list(string)
  default     = []
}
