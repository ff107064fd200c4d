terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # A local file, because this configuration creates the state bucket (README.md says where to keep it).
  backend "local" {}
}
