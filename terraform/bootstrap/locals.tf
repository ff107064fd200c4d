locals {
  # Used by the validation of account_id, and by the next environment's permission to read releases.
  accounts = { dev = "536580886816", sit = "815856636111", prod = "093646564004" }
  # A release goes from dev to sit to prod (docs/release.md).
  previous = lookup({ sit = "dev", prod = "sit" }, var.environment, null)
  next     = lookup({ dev = "sit", sit = "prod" }, var.environment, null)

  home_region     = "af-south-1"
  failover_region = "eu-west-1"
  failover        = var.environment == "prod"
  regions         = local.failover ? [local.home_region, local.failover_region] : [local.home_region]
  bucket_suffixes = local.failover ? ["", "-failover"] : [""]

  tags = { Project = "order-lambda", Environment = var.environment, ManagedBy = "bootstrap" }

  state_bucket    = "bbws-terraform-state-${var.environment}"
  releases_bucket = "bbws-releases-${var.environment}"
  role_name       = "github-2-bbws-order-lambda-${var.environment}"
  issuer          = "token.actions.githubusercontent.com"
  # OWNER/NAME, without the ids.
  repository = replace(trimprefix(var.subject_prefix, "repo:"), "/@[0-9]+/", "")

  deployment_boundary = "bbws-order-lambda-deployment-boundary-${var.environment}"
  function_boundary   = "bbws-order-lambda-function-boundary-${var.environment}"

  # Computed, so that policies can name resources of the same apply.
  iam      = "arn:aws:iam::${var.account_id}"
  role_arn = "${local.iam}:role/${local.role_name}"
  # Roles of functions, API Gateway and replication. A wider pattern would match other projects' roles.
  role_arns             = ["${local.iam}:role/bbws-order*", "${local.iam}:role/bbws-email-templates-*"]
  function_boundary_arn = "${local.iam}:policy/${local.function_boundary}"
  state_bucket_arns     = [for suffix in local.bucket_suffixes : "arn:aws:s3:::${local.state_bucket}${suffix}"]
  releases_bucket_arns  = [for suffix in local.bucket_suffixes : "arn:aws:s3:::${local.releases_bucket}${suffix}"]
  previous_bucket_arns  = local.previous == null ? [] : ["arn:aws:s3:::bbws-releases-${local.previous}"]
  kept_bucket_arns      = concat(local.state_bucket_arns, local.releases_bucket_arns, local.previous_bucket_arns)
  orders_table_arn      = "arn:aws:dynamodb:*:${var.account_id}:table/bbws-customer-portal-orders-${var.environment}"
  orders_bucket_arns    = ["arn:aws:s3:::bbws-orders-${var.environment}*"]
  templates_bucket_arns = ["arn:aws:s3:::bbws-email-templates-${var.environment}*"]
  zone_arn              = "arn:aws:route53:::hostedzone/${var.hosted_zone_id}"
  # Terraform locks a state with an object next to it, which it deletes afterwards.
  lock_arns               = [for arn in local.state_bucket_arns : "${arn}/order-lambda/*.tflock"]
  replication_role_arns   = [for bucket in ["orders", "email-templates"] : "${local.iam}:role/bbws-${bucket}-${var.environment}*-replication"]
  application_bucket_arns = concat(local.orders_bucket_arns, local.templates_bucket_arns)
}
