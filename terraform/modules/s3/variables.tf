variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "archive_after_days" {
  description = "Days after which objects move to Glacier, however small they are; null for never."
  type        = number
  default     = null
}

variable "expire_after_days" {
  description = "Days after which objects expire; null for never."
  type        = number
  default     = null
}

variable "noncurrent_days" {
  description = "Days after which an expired or overwritten object is deleted for good, in buckets with expire_after_days."
  type        = number
  default     = 30
}

variable "replicate" {
  description = "Whether to replicate objects to a bucket in the fail-over region."
  type        = bool
  default     = false
}

variable "cors_enabled" {
  description = "Whether a page in a browser may read objects by a presigned URL."
  type        = bool
  default     = false
}

variable "require_tls" {
  description = "Whether to deny plain HTTP."
  type        = bool
  default     = true
}

variable "objects_dir" {
  description = "Folder to upload; each file's key is its path in the folder. null for none."
  type        = string
  default     = null
}

variable "objects_pattern" {
  description = "Glob pattern of the files in objects_dir to upload."
  type        = string
  default     = "**"
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the replication role; null for none."
  type        = string
}

variable "policy_statements" {
  description = "Additional statements for the bucket policy."
  type        = any
  default     = []
}
