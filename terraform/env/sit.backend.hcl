bucket         = "bbws-terraform-state-sit"
key            = "order-lambda/terraform.tfstate"
dynamodb_table = "terraform-locks-sit"
region         = "af-south-1"
encrypt        = true
