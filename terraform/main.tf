module "orders_table" {
  source = "./modules/dynamodb"
  count  = local.in_failover ? 0 : 1

  name                        = local.table_name
  hash_key                    = "PK"
  range_key                   = "SK"
  global_secondary_indexes    = local.table_indexes
  stream_enabled              = true
  point_in_time_recovery_days = var.point_in_time_recovery_days
  deletion_protection         = var.deletion_protection
  replica_regions             = var.failover_region == null ? [] : [var.failover_region]
}

# Idempotency records: of responses for 24 hours, of mails as long as their orders. Not worth restoring, so no recovery.
module "idempotency_table" {
  source = "./modules/dynamodb"

  name          = local.idempotency_table_name
  hash_key      = "id"
  ttl_attribute = "expiration"
}

module "queue" {
  source   = "./modules/sqs"
  for_each = local.queues

  name                     = each.value.name
  environment              = var.environment
  account_id               = var.account_id
  region                   = var.region
  consumer_timeout_seconds = local.functions[each.key].timeout
  message_retention_days   = var.message_retention_days
  source_topic_arns        = [for topic in local.queue_topics[each.key] : "arn:aws:sns:${var.region}:${var.account_id}:${topic}"]
  alerts_topic_arn         = local.alerts_topic_arn
  runbook_url              = var.runbook_url
  require_tls              = var.require_tls
}

module "events" {
  source = "./modules/sns"

  name = local.events_topic_name
  subscriptions = {
    for function, queue in local.queues : function => { queue_arn = local.queue_arns[function], event_types = queue.events }
    if length(queue.events) > 0
  }

  # SNS rejects a subscription of a queue that does not exist yet.
  depends_on = [module.queue]
}

module "alerts" {
  source = "./modules/sns"

  name                = local.alerts_topic_name
  account_id          = var.account_id
  emails              = var.alarm_emails
  publishing_services = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
}

module "orders_bucket" {
  source    = "./modules/s3"
  count     = local.in_failover ? 0 : 1
  providers = { aws = aws, aws.failover = aws.failover }

  name               = local.orders_bucket
  archive_after_days = var.archive_invoices_after_days
  # Seven years, of which two can be leap years.
  expire_after_days = 7 * 365 + 2
  replicate         = var.failover_region != null
  require_tls       = var.require_tls
  cors_enabled      = length(var.cors_origins) > 0

  permissions_boundary = local.permissions_boundary
}

module "templates_bucket" {
  source    = "./modules/s3"
  count     = local.in_failover ? 0 : 1
  providers = { aws = aws, aws.failover = aws.failover }

  name        = local.templates_bucket
  replicate   = var.failover_region != null
  require_tls = var.require_tls
  objects_dir = var.templates_dir
  # Only what may change without a release is in S3; stylesheets and fonts are read from the package.
  objects_pattern = "**/*.{html,txt}"

  permissions_boundary = local.permissions_boundary
}

module "function" {
  source   = "./modules/lambda"
  for_each = local.functions

  name         = local.function_names[each.key]
  role_name    = "${local.function_names[each.key]}${local.global_suffix}"
  package      = "${var.packages_dir}/${each.key}.zip"
  handler      = "functions.${each.key}.handler.lambda_handler"
  architecture = var.architecture
  memory_mb    = each.value.memory
  timeout      = each.value.timeout
  environment = merge(
    local.shared_environment,
    each.value.environment,
    contains(keys(local.queues), each.key) ? { RETRY_DELAY_SECONDS = tostring(var.retry_delay_seconds) } : {},
    contains(values(local.routes)[*].function, each.key) && length(var.cors_origins) > 0 ? { CORS_ORIGIN_PATTERN = local.cors_origin_pattern } : {},
  )
  statements = each.value.statements
  queue_arn  = lookup(local.queue_arns, each.key, null)
  tracing    = var.tracing_enabled
  account_id = var.account_id
  region     = var.region

  permissions_boundary = local.permissions_boundary
}

# Here, not in module lambda: queues are the slowest to create, and functions need not wait for them.
resource "aws_lambda_event_source_mapping" "this" {
  for_each = local.queues

  event_source_arn        = module.queue[each.key].arn
  function_name           = module.function[each.key].alias_arn
  batch_size              = each.value.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config { maximum_concurrency = local.functions[each.key].concurrency }
}

module "users" {
  source = "./modules/cognito"
  count  = var.authorizer == "cognito" ? 1 : 0

  name                = "bbws-order-users-${var.environment}"
  deletion_protection = var.deletion_protection
}

module "api" {
  source = "./modules/api_gateway"

  name          = "bbws-order-api-${var.environment}"
  role_name     = "bbws-order-api-${var.environment}-logs${local.global_suffix}"
  stage         = var.environment
  user_pool_arn = local.user_pool_arn
  routes = {
    for operation, route in local.routes : operation => {
      method         = route.method
      path           = route.path
      function_name  = local.function_names[route.function]
      function_alias = module.function[route.function].alias_name
    }
  }
  cors_origins        = var.cors_origins
  cors_origin_pattern = local.cors_origin_pattern

  throttle_rate = var.throttle_rate
  tracing       = var.tracing_enabled
  region        = var.region
  account_id    = var.account_id

  permissions_boundary = local.permissions_boundary
}

module "domain" {
  source = "./modules/domain"
  count  = var.hosted_zone_id == "" ? 0 : 1

  domain_name    = var.domain_name
  hosted_zone_id = var.hosted_zone_id
  api_id         = module.api.id
  stage          = var.environment
  region         = var.region
  failover       = var.failover_region == null ? null : local.in_failover ? "SECONDARY" : "PRIMARY"

  # The mapping needs the stage.
  depends_on = [module.api]
}

# Here, not in bootstrap, because the alerts topic is made here. Budgets belong to an account, not to a region.
resource "aws_budgets_budget" "account" {
  count = var.monthly_budget_usd == null || local.in_failover ? 0 : 1

  name         = "bbws-monthly-${var.environment}"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  notification {
    notification_type         = "ACTUAL"
    comparison_operator       = "GREATER_THAN"
    threshold                 = 80
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [module.alerts.arn]
  }

  # AWS Budgets refuses a topic whose policy does not allow it to publish.
  depends_on = [module.alerts]
}

# Bounces and complaints contain mail addresses, so they go to separate topics and not to that of the alarms.
module "mail_feedback" {
  source   = "./modules/sns"
  for_each = local.feedback

  name                = each.value.topic
  account_id          = var.account_id
  emails              = var.mail_feedback_emails
  publishing_services = ["ses.amazonaws.com"]
  # SES's messages have no attributes to filter on.
  subscriptions = { customer_order_confirmation = { queue_arn = local.queue_arns.customer_order_confirmation } }

  depends_on = [module.queue]
}

module "mail" {
  source = "./modules/ses"

  domain            = local.mail_domain
  region            = var.region
  environment       = var.environment
  configuration_set = local.mail_configuration_set
  bounce_subdomain  = local.in_failover ? "bounce-${var.region}" : "bounce"
  feedback_topics   = { for kind, feedback in local.feedback : kind => { arn = module.mail_feedback[kind].arn, event_types = feedback.event_types } }
  alerts_topic_arn  = local.alerts_topic_arn
  runbook_url       = var.runbook_url
}

module "monitoring" {
  source = "./modules/monitoring"

  environment      = var.environment
  dashboard_name   = "bbws-order-${var.environment}${local.global_suffix}"
  region           = var.region
  alerts_topic_arn = local.alerts_topic_arn
  functions        = { for folder, name in local.function_names : folder => { name = name, timeout = local.functions[folder].timeout } }
  queues           = [for queue in local.queues : "${queue.name}-${var.environment}"]
  dlqs             = [for queue in local.queues : "${queue.name}-dlq-${var.environment}"]
  table_name       = local.table_name
  api_name         = "bbws-order-api-${var.environment}"

  account_id        = var.account_id
  table_indexes     = keys(local.table_indexes)
  queue_alarm_names = flatten([for queue in module.queue : queue.alarm_names])
  runbook_url       = var.runbook_url
}
