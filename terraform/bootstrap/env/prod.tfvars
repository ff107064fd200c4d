environment = "prod"
account_id  = "093646564004"
domain_name = "api.kimmyai.io"
