variable "name" {
  description = "Name of the queue, without the environment."
  type        = string
}

variable "environment" {
  description = "Environment, last in every name."
  type        = string
}

variable "account_id" {
  description = "AWS account of the queue."
  type        = string
}

variable "region" {
  description = "Region of the queue."
  type        = string
}

variable "consumer_timeout_seconds" {
  description = "Time-out of the function that consumes the queue; a message being handled is hidden six times as long (R4)."
  type        = number
}

variable "message_retention_days" {
  description = "Days that the queue keeps a message."
  type        = number
}

variable "source_topic_arn" {
  description = "The only topic that may send to the queue; null when a function sends by its own role."
  type        = string
  default     = null
}

variable "alerts_topic_arn" {
  description = "Topic that the alarms on the queue and its DLQ go to."
  type        = string
}

variable "require_tls" {
  description = "Whether plain HTTP is refused."
  type        = bool
  default     = true
}

variable "runbook_url" {
  description = "URL of the runbook that the alarms lead to."
  type        = string
}
