variable "domain" {
  description = "Domain that sends the mails."
  type        = string
}

variable "region" {
  description = "Region of the identity."
  type        = string
}

variable "environment" {
  description = "Name of the environment, the suffix of the alarms' names."
  type        = string
}

variable "configuration_set" {
  description = "Name of the configuration set that the functions send with; null for none, and then no feedback and no alarms."
  type        = string
  default     = null
}

variable "bounce_subdomain" {
  description = "Subdomain for MAIL FROM. It must differ between regions: its MX record names the region."
  type        = string
  default     = "bounce"
}

variable "feedback_topics" {
  description = "Topics that receive what SES reports about mails: by name of the event destination, the topic's ARN and SES's event types."
  type        = map(object({ arn = string, event_types = list(string) }))
  default     = {}
}

variable "alerts_topic_arn" {
  description = "ARN of the topic that receives the alarms."
  type        = string
}

variable "runbook_url" {
  description = "URL of the runbook that the alarms link to."
  type        = string
}
