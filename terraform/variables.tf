variable "environment" {
  description = "Name of the environment: local, dev, sit or prod."
  type        = string

  validation {
    condition     = contains(["local", "dev", "sit", "prod"], var.environment)
    error_message = "environment must be local, dev, sit or prod."
  }
}

variable "account_id" {
  description = "AWS account id of the environment."
  type        = string

  validation {
    condition = var.account_id == lookup({
      local = "000000000000"
      dev   = "536580886816"
      sit   = "815856636111"
      prod  = "093646564004"
    }, var.environment, "")
    error_message = "account_id is not this environment's account: local 000000000000, dev 536580886816, sit 815856636111, prod 093646564004."
  }
}

variable "region" {
  description = "Home region."
  type        = string
  default     = "af-south-1"

  validation {
    condition     = contains(["af-south-1", "eu-west-1"], var.region)
    error_message = "region must be af-south-1, or eu-west-1 for the fail-over."
  }

  validation {
    condition     = var.region == "af-south-1" || var.environment == "prod"
    error_message = "region may be eu-west-1 only in prod: no other environment has a fail-over."
  }
}

variable "failover_region" {
  description = "Region of the table's replica and the bucket copies; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.failover_region == null || var.failover_region == "eu-west-1"
    error_message = "failover_region must be eu-west-1 or null."
  }

  validation {
    condition     = var.environment != "prod" || var.failover_region != null
    error_message = "prod needs failover_region = \"eu-west-1\"."
  }
}

variable "packages_dir" {
  description = "Folder with one zip file per function."
  type        = string
  default     = "../build/packages"
}

variable "templates_dir" {
  description = "Folder of the mail and invoice templates."
  type        = string
  default     = "../templates"
}

variable "bucket_suffix" {
  description = "Suffix for bucket names, which are global: set it when a plain name is taken. Starts with a hyphen."
  type        = string
  default     = ""

  validation {
    condition     = var.bucket_suffix == "" || can(regex("^-[a-z0-9-]{1,20}$", var.bucket_suffix))
    error_message = "bucket_suffix must be empty, or a hyphen followed by 1 to 20 characters of a-z, 0-9 and -."
  }
}

variable "architecture" {
  description = "Instruction set of the functions: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "authorizer" {
  description = "Token issuer that the API accepts: cognito, or issuer for an emulator without Cognito."
  type        = string
  default     = "cognito"

  validation {
    condition     = contains(["cognito", "issuer"], var.authorizer)
    error_message = "authorizer must be cognito or issuer."
  }

  validation {
    condition     = var.authorizer == "cognito" || var.environment == "local"
    error_message = "authorizer must be cognito outside environment local: the local issuer gives a token to anyone."
  }
}

variable "hosted_zone_id" {
  description = "Id of the Route 53 zone that holds domain_name; empty for no name of its own."
  type        = string
  default     = ""

  validation {
    condition     = var.hosted_zone_id == "" || can(regex("^Z[A-Z0-9]+$", var.hosted_zone_id))
    error_message = "hosted_zone_id must be the id of a zone, such as Z0123456789ABCDEFGHIJ, or empty."
  }

  validation {
    condition     = var.hosted_zone_id == "" || var.domain_name != ""
    error_message = "hosted_zone_id needs domain_name: the name of the API in that zone."
  }
}

variable "domain_name" {
  description = "Name of the API in the zone hosted_zone_id. It has no effect without a zone."
  type        = string
  default     = ""

  validation {
    condition     = var.domain_name == "" || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "domain_name must be a name in lower case, such as api.dev.kimmyai.io, or empty."
  }
}

variable "monthly_budget_usd" {
  description = "Monthly budget of the account in USD. The alerts topic is notified at 80 %. null for none."
  type        = number
  default     = null

  validation {
    condition     = (var.monthly_budget_usd == null) == (var.environment == "local")
    error_message = "monthly_budget_usd must be set in every account, and is null in environment local."
  }
}

variable "cart_api_url" {
  description = "Base URL of the Cart service, which owns the prices."
  type        = string

  validation {
    condition     = can(regex("^https://[^/]+", var.cart_api_url)) || (var.environment == "local" && can(regex("^http://", var.cart_api_url)))
    error_message = "cart_api_url must be https:// outside environment local."
  }
}

variable "cors_origins" {
  description = "Origins of the pages that may call the API, such as https://portal.kimmyai.io; empty for none. In environment local, http://localhost:* stands for every port."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([for origin in var.cors_origins :
      can(regex("^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?$", origin)) ||
      (var.environment == "local" && can(regex("^http://(localhost|127[.]0[.]0[.]1)(:([0-9]+|[*]))?$", origin)))
    ])
    error_message = "Each of cors_origins must be https://, a host in lower case and nothing after it but a port; http://localhost and http://127.0.0.1 are for environment local only."
  }
}

variable "internal_notification_email" {
  description = "Mail address of the internal team, which is notified of each order."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.internal_notification_email))
    error_message = "internal_notification_email must be a mail address."
  }
}

variable "mail_from" {
  description = "Sender of every mail. Its domain must be verified with SES."
  type        = string
  default     = "noreply@kimmyai.io"
}

variable "mail_reply_to" {
  description = "Reply-To address of every mail."
  type        = string
  default     = "support@kimmyai.io"
}

variable "mail_feedback_enabled" {
  description = "Whether SES reports bounces and complaints. LocalStack without a token does not support it."
  type        = bool
  default     = true

  validation {
    condition     = var.mail_feedback_enabled || var.environment == "local"
    error_message = "mail_feedback_enabled may be false only in environment local: SES pauses accounts whose bounces nobody handles."
  }
}

variable "mail_feedback_emails" {
  description = "Mail addresses that receive each bounce and complaint, with the customer's address. Each must confirm its subscription."
  type        = list(string)
  default     = []
}

variable "archive_invoices_after_days" {
  description = "Days after which invoices move to Glacier, and the API's links to them fail until somebody restores them; null for never, which is cheaper for objects of 19 KB (docs/decisions/0015-retention.md)."
  type        = number
  default     = null

  validation {
    condition     = var.archive_invoices_after_days == null || try(var.archive_invoices_after_days >= 90, false)
    error_message = "archive_invoices_after_days must be null, or at least 90: Glacier bills 90 days in any case."
  }
}

variable "alarm_emails" {
  description = "Mail addresses that receive the alarms. Each must confirm its subscription."
  type        = list(string)
  default     = []
}

variable "retry_delay_seconds" {
  description = "Delay before the first retry of a failed message, in seconds. It doubles with each attempt."
  type        = number
  default     = 60

  validation {
    condition     = var.retry_delay_seconds >= 1 && var.retry_delay_seconds <= 900
    error_message = "retry_delay_seconds must be 1 to 900."
  }

  validation {
    condition     = var.environment == "local" || var.retry_delay_seconds >= 30
    error_message = "retry_delay_seconds must be at least 30 outside environment local, or a short Cart service outage fills the DLQ."
  }
}

variable "message_retention_days" {
  description = "Retention of messages in the main queues, in days."
  type        = number
  default     = 4

  validation {
    condition     = var.message_retention_days == (var.environment == "prod" ? 14 : 4)
    error_message = "message_retention_days must be 14 in prod and 4 elsewhere."
  }
}

variable "point_in_time_recovery_days" {
  description = "Point-in-time recovery window of the orders table, in days; 0 turns it off."
  type        = number
  default     = 35

  validation {
    condition     = var.point_in_time_recovery_days == 0 || (var.point_in_time_recovery_days >= 1 && var.point_in_time_recovery_days <= 35)
    error_message = "point_in_time_recovery_days must be 0 to 35."
  }

  validation {
    condition     = var.environment == "local" || var.point_in_time_recovery_days > 0
    error_message = "point_in_time_recovery_days may be 0 only in environment local."
  }

  validation {
    condition     = var.environment != "prod" || var.point_in_time_recovery_days == 35
    error_message = "point_in_time_recovery_days must be 35 in prod."
  }
}

variable "deletion_protection" {
  description = "Whether the orders table and the user pool have deletion protection."
  type        = bool
  default     = false

  validation {
    condition     = var.environment != "prod" || var.deletion_protection
    error_message = "deletion_protection must be true in prod."
  }
}

variable "throttle_rate" {
  description = "API throttling: steady requests per second. The burst limit is twice that. The account's quota applies first (docs/first-account.md)."
  type        = number

  validation {
    condition     = var.throttle_rate >= 1 && var.throttle_rate <= 10000
    error_message = "throttle_rate must be 1 to 10000 requests a second."
  }
}

variable "require_tls" {
  description = "Whether buckets and queues deny plain HTTP. The local engine speaks only HTTP."
  type        = bool
  default     = true

  validation {
    condition     = var.require_tls || var.environment == "local"
    error_message = "require_tls may be false only in environment local."
  }
}

variable "invoice_endpoint_url" {
  description = "S3 endpoint in the URLs of invoices; null for that of the region. Functions of a local engine reach S3 by an address that browsers may not."
  type        = string
  default     = null

  validation {
    condition     = var.invoice_endpoint_url == null || var.environment == "local"
    error_message = "invoice_endpoint_url may be set only in environment local."
  }
}

variable "tracing_enabled" {
  description = "Whether the functions and the API send traces to X-Ray."
  type        = bool
  default     = true
}

variable "log_level" {
  description = "Log level of the functions."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "runbook_url" {
  description = "URL of docs/runbooks/troubleshooting.md. Each alarm's description ends with it and the alarm's heading."
  type        = string
  default     = "https://github.com/kimmyai/bbws-order-lambda/blob/main/docs/runbooks/troubleshooting.md"

  validation {
    condition     = can(regex("^https://.+/troubleshooting\\.md$", var.runbook_url))
    error_message = "runbook_url must be https:// and end with /troubleshooting.md."
  }
}
