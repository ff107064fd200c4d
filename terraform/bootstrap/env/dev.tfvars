environment = "dev"
account_id  = "536580886816"
domain_name = "api.dev.kimmyai.io"
