bucket         = "bbws-terraform-state-prod"
key            = "order-lambda/terraform.tfstate"
dynamodb_table = "terraform-locks-prod"
region         = "af-south-1"
encrypt        = true
