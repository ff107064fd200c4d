bucket         = "bbws-terraform-state-prod-failover"
key            = "order-lambda/terraform.tfstate"
dynamodb_table = "terraform-locks-prod"
region         = "eu-west-1"
encrypt        = true
