terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # A local file, because this configuration creates the state bucket (README.md says where to keep it).
  backend "local" {}
}
