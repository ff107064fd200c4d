variable "environment" {
  description = "Name of the environment: dev, sit or prod."
  type        = string

  validation {
    condition     = contains(keys(local.accounts), var.environment)
    error_message = "environment must be dev, sit or prod; the local stack needs no bootstrap."
  }
}

variable "account_id" {
  description = "AWS account id of the environment."
  type        = string

  validation {
    condition     = var.account_id == lookup(local.accounts, var.environment, "")
    error_message = "account_id is not this environment's account: ${join(", ", [for environment, account in local.accounts : "${environment} ${account}"])}."
  }
}

variable "repository" {
  description = "GitHub repository whose workflows deploy, as owner/name."
  type        = string

  validation {
    # A wildcard would trust other repositories.
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name, such as kimmyai/orders."
  }
}
