provider "aws" {
  region              = local.home_region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

# Where prod's states and releases outlive the home region; unused in the other environments.
provider "aws" {
  alias               = "failover"
  region              = local.failover_region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}
