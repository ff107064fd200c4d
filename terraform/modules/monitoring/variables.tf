variable "environment" {
  description = "Environment, in every name."
  type        = string
}

variable "dashboard_name" {
  description = "Name of the dashboard, which no other region of the account may have."
  type        = string
}

variable "region" {
  description = "Region of the metrics."
  type        = string
}

variable "alerts_topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}

variable "functions" {
  description = "Functions by folder, with their name in AWS and time-out in seconds."
  type        = map(object({ name = string, timeout = number }))
}

variable "queues" {
  description = "Names of the main queues."
  type        = list(string)
}

variable "dlqs" {
  description = "Names of the DLQs."
  type        = list(string)
}

variable "table_name" {
  description = "Name of the orders table."
  type        = string
}

variable "api_name" {
  description = "Name of the REST API."
  type        = string
}

variable "account_id" {
  description = "AWS account of the alarms."
  type        = string
}

variable "table_indexes" {
  description = "Names of the orders table's indexes."
  type        = list(string)
}

variable "queue_alarm_names" {
  description = "Names of the alarms on the queues, which the dashboard shows beside its own."
  type        = list(string)
}

variable "runbook_url" {
  description = "URL of the runbook that the alarms lead to."
  type        = string
}
