environment = "dev"
account_id  = "536580886816"
