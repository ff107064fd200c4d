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

variable "subject_prefix" {
  description = "Prefix of `sub` in the repository's OIDC tokens, exactly as GitHub's API shows it (README.md)."
  type        = string

  validation {
    # A wildcard would trust other repositories; a colon would end the prefix.
    condition     = can(regex("^repo:[A-Za-z0-9][A-Za-z0-9@-]*/[A-Za-z0-9._@-]+$", var.subject_prefix))
    error_message = "subject_prefix must be repo:OWNER@OWNER_ID/NAME@REPOSITORY_ID, or repo:OWNER/NAME if the repository still uses names."
  }

  validation {
    condition     = !strcontains(var.subject_prefix, "@") || endswith(var.subject_prefix, "@${var.repository_id}")
    error_message = "subject_prefix names another repository than repository_id."
  }
}

variable "repository_id" {
  description = "Numeric id of the GitHub repository whose workflows deploy."
  type        = string

  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.repository_id))
    error_message = "repository_id must be a number: the id that GitHub's API shows, not the name."
  }
}

variable "operator_role_arns" {
  description = "IAM Identity Center roles of this account whose users may assume the deployment role in an incident. Identity Center must require MFA."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operator_role_arns : can(regex("^arn:aws:iam::${var.account_id}:role/aws-reserved/sso\\.amazonaws\\.com/[A-Za-z0-9_+=,.@/-]+$", arn))])
    error_message = "operator_role_arns must be ARNs of Identity Center roles (role/aws-reserved/sso.amazonaws.com/...) of this account, without wildcards."
  }
}

variable "operator_user_arns" {
  description = "IAM users of this account who may assume the deployment role in an incident, if they signed in with MFA."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operator_user_arns : can(regex("^arn:aws:iam::${var.account_id}:user/[A-Za-z0-9_+=,.@/-]+$", arn))])
    error_message = "operator_user_arns must be ARNs of IAM users of this account, without wildcards."
  }
}

variable "hosted_zone_id" {
  description = "Id of the Route 53 zone that holds domain_name, as in terraform/env; empty for no name of its own."
  type        = string
  default     = ""

  validation {
    condition     = var.hosted_zone_id == "" || can(regex("^Z[A-Z0-9]+$", var.hosted_zone_id))
    error_message = "hosted_zone_id must be the id of a zone, such as Z0123456789ABCDEFGHIJ, or empty."
  }
}

variable "domain_name" {
  description = "Name of the API in that zone. Only this name and the validation of its certificate may be changed in the zone."
  type        = string
}
