variable "domain" {
  description = "Domain that sends the mails."
  type        = string
}
