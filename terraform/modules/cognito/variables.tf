variable "name" {
  description = "Name of the user pool."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the pool has deletion protection."
  type        = bool
}
