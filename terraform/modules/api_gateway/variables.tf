variable "name" {
  description = "Name of the REST API."
  type        = string
}

variable "role_name" {
  description = "Name of the role that writes access logs, which no other region of the account may have."
  type        = string
}

variable "stage" {
  description = "Name of the stage."
  type        = string
}

variable "user_pool_arn" {
  description = "User pool whose tokens the routes take."
  type        = string
}

variable "routes" {
  description = "Routes, at most four parts deep, each with the function and alias that answer it. All need a token."
  type = map(object({
    method         = string
    path           = string
    function_name  = string
    function_alias = string
  }))

  validation {
    condition     = alltrue([for route in var.routes : length(split("/", trimprefix(route.path, "/"))) <= 4])
    error_message = "A route's path may have at most four parts."
  }
}

variable "throttle_rate" {
  description = "Requests a second; the burst is twice that."
  type        = number
}

variable "tracing" {
  description = "Whether traces go to X-Ray."
  type        = bool
}

variable "region" {
  description = "Region of the API."
  type        = string
}

variable "account_id" {
  description = "AWS account of the API."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the policy that caps the role that API Gateway writes logs with; null for none."
  type        = string
}
