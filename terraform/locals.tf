locals {
  tags = { Project = "order-lambda", Environment = var.environment, ManagedBy = "terraform" }

  # The home region's Terraform already made the table's replica and the bucket copies in the fail-over region.
  in_failover = var.region == var.failover_region
  # Roles and dashboards are global to an account, so the fail-over's need different names.
  global_suffix = local.in_failover ? "-${var.region}" : ""
  bucket_suffix = "${var.bucket_suffix}${local.in_failover ? "-failover" : ""}"

  # Created by terraform/bootstrap. The deployment role may not create a role without it.
  permissions_boundary = var.environment == "local" ? null : "arn:aws:iam::${var.account_id}:policy/bbws-order-lambda-function-boundary-${var.environment}"

  # Names and ARNs are computed, not read from the resources, so that Terraform creates the resources in parallel.
  table_name             = "bbws-customer-portal-orders-${var.environment}"
  idempotency_table_name = "bbws-order-idempotency-${var.environment}"
  orders_bucket          = "bbws-orders-${var.environment}${local.bucket_suffix}"
  templates_bucket       = "bbws-email-templates-${var.environment}${local.bucket_suffix}"
  events_topic_name      = "bbws-order-events-${var.environment}"
  alerts_topic_name      = "bbws-alerts-${var.environment}"
  mail_domain            = split("@", var.mail_from)[1]

  table_arn                  = "arn:aws:dynamodb:${var.region}:${var.account_id}:table/${local.table_name}"
  idempotency_table_arn      = "arn:aws:dynamodb:${var.region}:${var.account_id}:table/${local.idempotency_table_name}"
  orders_bucket_arn          = "arn:aws:s3:::${local.orders_bucket}"
  templates_bucket_arn       = "arn:aws:s3:::${local.templates_bucket}"
  events_topic_arn           = "arn:aws:sns:${var.region}:${var.account_id}:${local.events_topic_name}"
  alerts_topic_arn           = "arn:aws:sns:${var.region}:${var.account_id}:${local.alerts_topic_name}"
  mail_configuration_set     = var.mail_feedback_enabled ? "bbws-order-mail-${var.environment}" : null
  mail_configuration_set_arn = "arn:aws:ses:${var.region}:${var.account_id}:configuration-set/bbws-order-mail-${var.environment}"
  mail_identity_arn          = "arn:aws:ses:${var.region}:${var.account_id}:identity/${local.mail_domain}"

  table_indexes = {
    OrdersByDateIndex = { hash_key = "GSI1_PK", range_key = "GSI1_SK" }
    OrderByIdIndex    = { hash_key = "GSI2_PK", range_key = "GSI2_SK" }
  }

  # The four queues, keyed by the function that consumes them. An invoice can take half the function's time, so that function
  # gets one message at a time (docs/decisions/0018-invoices.md).
  queues = {
    order_creator_record        = { name = "bbws-order-creation", events = [], batch_size = 10 }
    order_pdf_creator           = { name = "bbws-order-pdf", events = ["OrderRecorded"], batch_size = 1 }
    order_internal_notification = { name = "bbws-order-internal-notification", events = ["OrderRecorded"], batch_size = 10 }
    customer_order_confirmation = { name = "bbws-order-customer-notification", events = ["InvoiceCreated", "OrderRejected", "OrderStatusChanged"], batch_size = 10 }
  }
  # What SES reports about mails goes to the queue of the customer's mails. REJECT: SES found a virus in the mail.
  feedback = { for kind, types in { bounces = ["BOUNCE", "REJECT"], complaints = ["COMPLAINT"] } : kind => {
    topic = "bbws-ses-${kind}-${var.environment}", event_types = types
  } if var.mail_feedback_enabled }
  queue_topics = { for function, queue in local.queues : function => concat(
    length(queue.events) > 0 ? [local.events_topic_name] : [],
    function == "customer_order_confirmation" ? [for feedback in local.feedback : feedback.topic] : [],
  ) }
  queue_arns = { for function, queue in local.queues : function => "arn:aws:sqs:${var.region}:${var.account_id}:${queue.name}-${var.environment}" }
  queue_urls = { for function, queue in local.queues : function => "https://sqs.${var.region}.amazonaws.com/${var.account_id}/${queue.name}-${var.environment}" }

  # A pool id that does not exist in AWS: tokens of the local issuer are worthless there.
  issuer_pool   = "${var.region}_issuer"
  user_pool_arn = var.authorizer == "cognito" ? module.users[0].pool_arn : "arn:aws:cognito-idp:${var.region}:${var.account_id}:userpool/${local.issuer_pool}"

  idempotency_statement = {
    # No GetItem: a PutItem that fails its condition returns the existing item.
    actions   = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
    resources = [local.idempotency_table_arn]
  }
  mail_environment = merge(
    { MAIL_FROM = var.mail_from, MAIL_REPLY_TO = var.mail_reply_to },
    var.mail_feedback_enabled ? { MAIL_CONFIGURATION_SET = local.mail_configuration_set } : {},
  )
  # Of the allowed origins: a regular expression without backslashes, which mapping templates of API Gateway would need twice.
  cors_origin_pattern = join("|", [for origin in var.cors_origins : replace(replace(origin, ".", "[.]"), ":*", ":[0-9]+")])

  publish_statement = { actions = ["sns:Publish"], resources = [local.events_topic_arn] }
  mail_statement = {
    actions    = ["ses:SendRawEmail"]
    resources  = concat([local.mail_identity_arn], var.mail_feedback_enabled ? [local.mail_configuration_set_arn] : [])
    conditions = [{ test = "StringEquals", variable = "ses:FromAddress", values = [var.mail_from] }]
  }

  # Name, size and permissions of the eight functions (docs/architecture.md).
  functions = {
    create_order = {
      name = "create-order", memory = 512, timeout = 30, concurrency = null
      environment = {
        IDEMPOTENCY_TABLE        = local.idempotency_table_name
        ORDER_CREATION_QUEUE_URL = local.queue_urls.order_creator_record
        ORDERS_TABLE             = local.table_name
      }
      statements = [
        { actions = ["sqs:SendMessage"], resources = [local.queue_arns.order_creator_record] },
        { actions = ["dynamodb:PutItem"], resources = [local.table_arn] },
        local.idempotency_statement,
      ]
    }
    get_order = {
      name = "get-order", memory = 512, timeout = 30, concurrency = null
      environment = merge(
        { ORDERS_TABLE = local.table_name, ORDERS_BUCKET = local.orders_bucket },
        # An engine has no host names for buckets.
        var.invoice_endpoint_url == null ? {} : {
          AWS_ENDPOINT_URL_S3 = var.invoice_endpoint_url
          BUCKET_ADDRESSING   = "path"
        },
      )
      statements = [
        { actions = ["dynamodb:GetItem"], resources = [local.table_arn] },
        { actions = ["dynamodb:Query"], resources = ["${local.table_arn}/index/OrderByIdIndex"] },
        # Anyone who has the URL of an invoice reads it with this function's permission.
        { actions = ["s3:GetObject"], resources = ["${local.orders_bucket_arn}/*/orders/*"] },
      ]
    }
    list_orders = {
      name        = "list-orders", memory = 512, timeout = 30, concurrency = null
      environment = { ORDERS_TABLE = local.table_name }
      statements  = [{ actions = ["dynamodb:Query"], resources = ["${local.table_arn}/index/OrdersByDateIndex"] }]
    }
    update_order = {
      name        = "update-order", memory = 512, timeout = 30, concurrency = null
      environment = { ORDERS_TABLE = local.table_name, ORDER_EVENTS_TOPIC_ARN = local.events_topic_arn }
      statements = [
        { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = [local.table_arn] },
        { actions = ["dynamodb:Query"], resources = ["${local.table_arn}/index/OrderByIdIndex"] },
        local.publish_statement,
      ]
    }
    order_creator_record = {
      # Few concurrent writers: they all lease one counter of order numbers (docs/scale.md).
      name        = "creator-record", memory = 512, timeout = 30, concurrency = 5
      environment = { ORDERS_TABLE = local.table_name, ORDER_EVENTS_TOPIC_ARN = local.events_topic_arn, CART_API_URL = var.cart_api_url }
      statements = [
        { actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], resources = [local.table_arn] },
        local.publish_statement,
      ]
    }
    order_pdf_creator = {
      # CPU-bound: 1,769 MB is one full vCPU, which cuts the duration to a third for 2 % more cost (docs/cost.md).
      name = "pdf-creator", memory = 1769, timeout = 60, concurrency = 10
      environment = {
        ORDERS_TABLE           = local.table_name
        ORDER_EVENTS_TOPIC_ARN = local.events_topic_arn
        ORDERS_BUCKET          = local.orders_bucket
        TEMPLATES_BUCKET       = local.templates_bucket
      }
      statements = [
        { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = [local.table_arn] },
        { actions = ["s3:PutObject"], resources = ["${local.orders_bucket_arn}/*/orders/*"] },
        { actions = ["s3:GetObject"], resources = ["${local.templates_bucket_arn}/invoice/*"] },
        local.publish_statement,
      ]
    }
    order_internal_notification = {
      name = "internal-notifier", memory = 256, timeout = 30, concurrency = 10
      environment = merge(local.mail_environment, {
        ORDERS_TABLE                = local.table_name
        IDEMPOTENCY_TABLE           = local.idempotency_table_name
        TEMPLATES_BUCKET            = local.templates_bucket
        INTERNAL_NOTIFICATION_EMAIL = var.internal_notification_email
      })
      statements = [
        { actions = ["dynamodb:GetItem", "dynamodb:BatchGetItem"], resources = [local.table_arn] },
        { actions = ["s3:GetObject"], resources = ["${local.templates_bucket_arn}/internal/*", "${local.templates_bucket_arn}/mail/*"] },
        local.idempotency_statement,
        local.mail_statement,
      ]
    }
    customer_order_confirmation = {
      name = "customer-notifier", memory = 256, timeout = 30, concurrency = 10
      environment = merge(local.mail_environment, {
        ORDERS_TABLE      = local.table_name
        IDEMPOTENCY_TABLE = local.idempotency_table_name
        ORDERS_BUCKET     = local.orders_bucket
        TEMPLATES_BUCKET  = local.templates_bucket
        # The team gets a mail about a customer's mail that did not arrive.
        INTERNAL_NOTIFICATION_EMAIL = var.internal_notification_email
      })
      statements = [
        { actions = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resources = [local.table_arn] },
        { actions = ["s3:GetObject"], resources = concat([for folder in ["customer", "internal", "mail"] : "${local.templates_bucket_arn}/${folder}/*"], ["${local.orders_bucket_arn}/*/orders/*"]) },
        local.idempotency_statement,
        local.mail_statement,
      ]
    }
  }
  function_names = { for folder, function in local.functions : folder => "bbws-order-lambda-${function.name}-${var.environment}" }

  shared_environment = {
    LOG_LEVEL                    = var.log_level
    POWERTOOLS_SERVICE_NAME      = "order-lambda"
    POWERTOOLS_METRICS_NAMESPACE = "OrderService"
  }

  # The routes that need a token, keyed by operation (docs/api.md).
  routes = {
    create_order = { function = "create_order", method = "POST", path = "/v1.0/orders" }
    get_order    = { function = "get_order", method = "GET", path = "/v1.0/orders/{orderId}" }
    get_invoice  = { function = "get_order", method = "GET", path = "/v1.0/orders/{orderId}/invoice" }
    update_order = { function = "update_order", method = "PUT", path = "/v1.0/orders/{orderId}" }
    list_orders  = { function = "list_orders", method = "GET", path = "/v1.0/tenants/{tenantId}/orders" }
  }
}
