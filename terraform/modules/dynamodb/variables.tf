variable "name" {
  description = "Name of the table."
  type        = string
}

variable "hash_key" {
  description = "Partition key (a string)."
  type        = string
}

variable "range_key" {
  description = "Sort key (a string); null for none."
  type        = string
  default     = null
}

variable "global_secondary_indexes" {
  description = "Global secondary indexes, keyed by name. All attributes are projected."
  type        = map(object({ hash_key = string, range_key = string }))
  default     = {}
}

variable "ttl_attribute" {
  description = "Attribute with the expiry time in epoch seconds; null for no TTL."
  type        = string
  default     = null
}

variable "stream_enabled" {
  description = "Whether the table has a stream, with new and old images."
  type        = bool
  default     = false
}

variable "point_in_time_recovery_days" {
  description = "Point-in-time recovery window in days; 0 turns it off."
  type        = number
  default     = 0
}

variable "deletion_protection" {
  description = "Whether the table has deletion protection."
  type        = bool
  default     = false
}

variable "replica_regions" {
  description = "Regions that hold a replica of the table."
  type        = list(string)
  default     = []
}
