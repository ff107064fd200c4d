variable "name" {
  description = "Name of the queue, without the environment suffix."
  type        = string
}

variable "environment" {
  description = "Name of the environment, the suffix of every name."
  type        = string
}

variable "account_id" {
  description = "AWS account id of the queue."
  type        = string
}

variable "region" {
  description = "Region of the queue."
  type        = string
}

variable "consumer_timeout_seconds" {
  description = "Timeout of the consuming function in seconds. The visibility timeout is six times that, as AWS recommends."
  type        = number
}

variable "message_retention_days" {
  description = "Retention of messages, in days."
  type        = number
}

variable "source_topic_arns" {
  description = "ARNs of the only topics that may send to the queue; none when a function sends with its own role."
  type        = list(string)
  default     = []
}

variable "alerts_topic_arn" {
  description = "ARN of the topic that receives the alarms of the queue and its DLQ."
  type        = string
}

variable "require_tls" {
  description = "Whether to deny plain HTTP."
  type        = bool
  default     = true
}

variable "runbook_url" {
  description = "URL of the runbook that the alarms link to."
  type        = string
}
