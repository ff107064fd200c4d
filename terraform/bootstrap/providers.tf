provider "aws" {
  region              = local.home_region
  allowed_account_ids = [var.account_id]

  default_tags { tags = local.tags }
}

# Region of prod's fail-over state and release copies; unused in the other environments.
provider "aws" {
  alias               = "failover"
  region              = local.failover_region
  allowed_account_ids = [var.account_id]

  default_tags { tags = local.tags }
}
