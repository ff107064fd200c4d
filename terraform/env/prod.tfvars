environment                 = "prod"
account_id                  = "093646564004"
cart_api_url                = "https://cart.kimmyai.io"
internal_notification_email = "orders@kimmyai.io"
throttle_rate               = 10000
message_retention_days      = 14
point_in_time_recovery_days = 35
deletion_protection         = true
failover_region             = "eu-west-1"
alarm_emails                = ["oncall@kimmyai.io"]
monthly_budget_usd          = 5000
# Used once hosted_zone_id is set (docs/first-account.md).
domain_name = "api.kimmyai.io"
