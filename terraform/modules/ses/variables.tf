variable "domain" {
  description = "Domain that mails are sent from."
  type        = string
}
