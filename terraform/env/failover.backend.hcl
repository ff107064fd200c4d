bucket = "bbws-terraform-state-prod-failover"
region = "eu-west-1"
