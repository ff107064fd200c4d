variable "domain_name" {
  description = "Name that the API is reached at."
  type        = string
}

variable "hosted_zone_id" {
  description = "Id of the public hosted zone that holds the name."
  type        = string
}

variable "api_id" {
  description = "Id of the REST API."
  type        = string
}

variable "stage" {
  description = "Stage of the REST API, which the name serves at its root."
  type        = string
}

variable "region" {
  description = "Region of the API."
  type        = string
}

variable "failover" {
  description = "PRIMARY for a record with a health check, SECONDARY for the record that Route 53 returns while that check fails; null for a plain record."
  type        = string
  default     = null

  validation {
    condition     = var.failover == null || contains(["PRIMARY", "SECONDARY"], coalesce(var.failover, "PRIMARY"))
    error_message = "failover must be PRIMARY, SECONDARY or null."
  }
}
