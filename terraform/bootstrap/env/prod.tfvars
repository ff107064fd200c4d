environment = "prod"
account_id  = "093646564004"
