variable "name" {
  description = "Name of the function."
  type        = string
}

variable "role_name" {
  description = "Name of the function's role. Role names are global: it must differ between regions."
  type        = string
}

variable "package" {
  description = "Path of the function's zip file."
  type        = string
}

variable "handler" {
  description = "Python entry point, as module.function."
  type        = string
}

variable "architecture" {
  description = "Instruction set: arm64 or x86_64."
  type        = string
}

variable "memory_mb" {
  description = "Memory in MB; 1,769 MB is one vCPU."
  type        = number
}

variable "timeout" {
  description = "Timeout in seconds."
  type        = number
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "statements" {
  description = "IAM statements of the function, in addition to logs, traces and its queue."
  type = list(object({
    actions    = list(string)
    resources  = list(string)
    conditions = optional(list(object({ test = string, variable = string, values = list(string) })), [])
  }))
}

variable "queue_arn" {
  description = "ARN of the queue that the function consumes; null for none."
  type        = string
  default     = null
}

variable "tracing" {
  description = "Whether to send traces to X-Ray."
  type        = bool
}

variable "account_id" {
  description = "AWS account id of the function."
  type        = string
}

variable "region" {
  description = "Region of the function."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the function's role; null for none."
  type        = string
}
