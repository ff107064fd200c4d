variable "environment" {
  description = "Name of the environment, part of every name."
  type        = string
}

variable "dashboard_name" {
  description = "Name of the dashboard. Dashboard names are global: it must differ between regions."
  type        = string
}

variable "region" {
  description = "Region of the metrics."
  type        = string
}

variable "alerts_topic_arn" {
  description = "ARN of the topic that receives the alarms."
  type        = string
}

variable "functions" {
  description = "Functions, keyed by folder: name in AWS and timeout in seconds."
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
  description = "AWS account id of the alarms."
  type        = string
}

variable "table_indexes" {
  description = "Names of the orders table's indexes."
  type        = list(string)
}

variable "queue_alarm_names" {
  description = "Names of the queue alarms, for the dashboard's list of alarms."
  type        = list(string)
}

variable "runbook_url" {
  description = "URL of the runbook that the alarms link to."
  type        = string
}
