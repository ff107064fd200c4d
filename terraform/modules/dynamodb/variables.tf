variable "name" {
  description = "Name of the table."
  type        = string
}

variable "hash_key" {
  description = "Partition key; a string."
  type        = string
}

variable "range_key" {
  description = "Sort key; a string. null for none."
  type        = string
  default     = null
}

variable "global_secondary_indexes" {
  description = "Indexes by name, each with its keys; all attributes are projected."
  type        = map(object({ hash_key = string, range_key = string }))
  default     = {}
}

variable "ttl_attribute" {
  description = "Attribute with the second at which an item expires; null for none."
  type        = string
  default     = null
}

variable "stream_enabled" {
  description = "Whether changes are streamed, with new and old images."
  type        = bool
  default     = false
}

variable "point_in_time_recovery_days" {
  description = "Days back that the table can be restored to; 0 turns recovery off."
  type        = number
  default     = 0
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = false
}

variable "replica_regions" {
  description = "Regions with a replica of the table."
  type        = list(string)
  default     = []
}
