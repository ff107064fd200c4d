variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "archive_after_days" {
  description = "Days after which an object goes to Glacier; null for never."
  type        = number
  default     = null
}

variable "expire_after_days" {
  description = "Days after which an object is removed; null for never."
  type        = number
  default     = null
}

variable "replicate" {
  description = "Whether objects are copied to a bucket in the fail-over region."
  type        = bool
  default     = false
}

variable "require_tls" {
  description = "Whether plain HTTP is refused."
  type        = bool
  default     = true
}

variable "objects_dir" {
  description = "Folder whose files are uploaded, each under its path below the folder; null for none."
  type        = string
  default     = null
}

variable "objects_pattern" {
  description = "Which files of objects_dir are uploaded."
  type        = string
  default     = "**"
}

variable "permissions_boundary" {
  description = "ARN of the policy that caps the replication role; null for none."
  type        = string
}

variable "policy_statements" {
  description = "Further statements of the bucket's policy: a bucket has only one."
  type        = any
  default     = []
}
