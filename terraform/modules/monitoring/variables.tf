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
