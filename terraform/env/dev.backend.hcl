bucket         = "bbws-terraform-state-dev"
key            = "order-lambda/terraform.tfstate"
dynamodb_table = "terraform-locks-dev"
region         = "af-south-1"
encrypt        = true
