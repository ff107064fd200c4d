bucket       = "bbws-terraform-state-sit"
key          = "order-lambda/terraform.tfstate"
region       = "af-south-1"
encrypt      = true
use_lockfile = true
