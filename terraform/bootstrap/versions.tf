terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # A local file: the bucket for states is made here (README.md says what to do with it).
  backend "local" {}
}
