bucket       = "bbws-terraform-state-local"
key          = "order-lambda/terraform.tfstate"
region       = "af-south-1"
encrypt      = true
use_lockfile = true
