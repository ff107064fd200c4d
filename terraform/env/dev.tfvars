environment                 = "dev"
account_id                  = "536580886816"
cart_api_url                = "https://cart.dev.kimmyai.io"
internal_notification_email = "orders-dev@kimmyai.io"
throttle_rate               = 1000
monthly_budget_usd          = 500
# Used once hosted_zone_id is set (docs/first-account.md).
domain_name = "api.dev.kimmyai.io"
