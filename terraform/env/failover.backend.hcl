bucket       = "bbws-terraform-state-prod-failover"
key          = "order-lambda/terraform.tfstate"
region       = "eu-west-1"
encrypt      = true
use_lockfile = true
