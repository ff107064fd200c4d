provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags { tags = local.tags }
}

# Region of prod's replicas; unused in the other environments.
provider "aws" {
  alias               = "failover"
  region              = "eu-west-1"
  allowed_account_ids = [var.account_id]

  default_tags { tags = local.tags }
}
