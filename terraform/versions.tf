terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket, key and lock table come from env/{environment}.backend.hcl (R1).
  backend "s3" {}
}
