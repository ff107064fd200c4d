bucket         = "bbws-terraform-state-local"
key            = "order-lambda/terraform.tfstate"
dynamodb_table = "terraform-locks-local"
region         = "af-south-1"
encrypt        = true
