bucket       = "bbws-terraform-state-dev"
key          = "order-lambda/terraform.tfstate"
region       = "af-south-1"
encrypt      = true
use_lockfile = true
