variable "name" {
  description = "Name of the function."
  type        = string
}

variable "role_name" {
  description = "Name of the function's role, which no other region of the account may have."
  type        = string
}

variable "package" {
  description = "Path of the function's zip."
  type        = string
}

variable "handler" {
  description = "Module and function that Lambda calls."
  type        = string
}

variable "architecture" {
  description = "Instruction set: arm64 or x86_64."
  type        = string
}

variable "memory_mb" {
  description = "Memory in MB."
  type        = number
}

variable "timeout" {
  description = "Time-out in seconds."
  type        = number
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "statements" {
  description = "What the function may do, beside logs, traces and its queue."
  type = list(object({
    actions    = list(string)
    resources  = list(string)
    conditions = optional(list(object({ test = string, variable = string, values = list(string) })), [])
  }))
}

variable "queue_arn" {
  description = "Queue that the function consumes; null for none."
  type        = string
  default     = null
}

variable "tracing" {
  description = "Whether traces go to X-Ray."
  type        = bool
}

variable "account_id" {
  description = "AWS account of the function."
  type        = string
}

variable "region" {
  description = "Region of the function."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the policy that caps the function's role; null for none."
  type        = string
}
