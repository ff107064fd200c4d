variable "name" {
  description = "Name of the REST API."
  type        = string
}

variable "role_name" {
  description = "Name of the role that writes access logs. Role names are global: it must differ between regions."
  type        = string
}

variable "stage" {
  description = "Name of the stage."
  type        = string
}

variable "user_pool_arn" {
  description = "ARN of the user pool whose tokens the routes accept."
  type        = string
}

variable "routes" {
  description = "Routes, keyed by operation: method, path of at most four segments, function and alias. All need a token."
  type = map(object({
    method         = string
    path           = string
    function_name  = string
    function_alias = string
  }))

  validation {
    condition     = alltrue([for route in var.routes : length(split("/", trimprefix(route.path, "/"))) <= 4])
    error_message = "A route's path may have at most four segments."
  }
}

variable "cors_origins" {
  description = "Origins of the pages that may call the API; empty for none."
  type        = list(string)
  default     = []
}

variable "cors_origin_pattern" {
  description = "Regular expression of cors_origins, without backslashes."
  type        = string
  default     = ""
}

variable "throttle_rate" {
  description = "Throttling: steady requests per second. The burst limit is twice that."
  type        = number
}

variable "tracing" {
  description = "Whether to send traces to X-Ray."
  type        = bool
}

variable "region" {
  description = "Region of the API."
  type        = string
}

variable "account_id" {
  description = "AWS account id of the API."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the access-log role; null for none."
  type        = string
}
