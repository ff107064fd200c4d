variable "name" {
  description = "Name of the user pool."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the pool refuses to be deleted."
  type        = bool
}
