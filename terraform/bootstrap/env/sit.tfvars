environment = "sit"
account_id  = "815856636111"
domain_name = "api.sit.kimmyai.io"
