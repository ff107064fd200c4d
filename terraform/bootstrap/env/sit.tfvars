environment = "sit"
account_id  = "815856636111"
