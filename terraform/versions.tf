terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # Bucket and region come from env/{environment}.backend.hcl.
  backend "s3" {
    key          = "order-lambda/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
