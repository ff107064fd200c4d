environment                 = "sit"
account_id                  = "815856636111"
cart_api_url                = "https://cart.sit.kimmyai.io"
internal_notification_email = "orders-sit@kimmyai.io"
throttle_rate               = 5000
monthly_budget_usd          = 1000
# Used once hosted_zone_id is set (docs/first-account.md).
domain_name = "api.sit.kimmyai.io"
