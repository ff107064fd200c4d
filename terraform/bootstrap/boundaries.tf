# Permissions boundaries: the most that a role can do, whatever its policies allow.

locals {
  # The tables' AWS-managed key, whose policy allows every caller that DynamoDB has authorized.
  key_statement = {
    Sid       = "TableKey"
    Effect    = "Allow"
    Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"]
    Resource  = "arn:aws:kms:*:${var.account_id}:key/*"
    Condition = { StringLike = { "kms:ViaService" = "dynamodb.*.amazonaws.com" } }
  }
}

resource "aws_iam_policy" "deployment_boundary" {
  name        = local.deployment_boundary
  description = "Permissions boundary of ${local.role_name}."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for statement in concat(
      [
        { Sid = "Services", Resource = "*", Action = [
          "apigateway:*", "cloudwatch:*", "cognito-idp:*", "dynamodb:*", "lambda:*", "logs:*", "ses:*", "sns:*", "sqs:*",
        ] },
        { Sid = "Buckets", Action = "s3:*", Resource = flatten([
          for arn in concat(local.application_bucket_arns, local.kept_bucket_arns) : [arn, "${arn}/*"]
        ]) },
      ],
      local.role_statements,
      local.domain_statements,
      local.budget_statements,
      [
        local.key_statement,
        { Sid = "DenyBootstrap", Effect = "Deny", Action = "iam:*", Resource = [
          local.role_arn, "${local.iam}:role/${local.releases_bucket}-replication", "${local.iam}:policy/*", "${local.iam}:oidc-provider/*",
        ] },
        # Releases and states are only added. Removing them, or changing their buckets, takes an administrator.
        { Sid = "DenyRemoval", Effect = "Deny", NotAction = ["s3:Get*", "s3:List*", "s3:PutObject", "s3:DeleteObject"], Resource = flatten([
          for arn in local.kept_bucket_arns : [arn, "${arn}/*"]
        ]) },
        {
          Sid         = "DenyDeletion"
          Effect      = "Deny"
          Action      = "s3:DeleteObject"
          NotResource = concat(local.lock_arns, [for arn in local.templates_bucket_arns : "${arn}/*"])
        },
        {
          Sid       = "DenyOtherRegions"
          Effect    = "Deny"
          NotAction = ["iam:*", "route53:*", "budgets:*"] # global services, whose requests name us-east-1 or no region
          Resource  = "*"
          Condition = { StringNotEquals = { "aws:RequestedRegion" = local.regions } }
        },
      ],
    ) : merge(local.allow, statement)]
  })
}

# For the roles that terraform/ creates: functions, API Gateway's logs, replication.
resource "aws_iam_policy" "function_boundary" {
  #checkov:skip=CKV_AWS_290:a permissions boundary grants nothing
  #checkov:skip=CKV_AWS_355:a permissions boundary grants nothing

  name        = local.function_boundary
  description = "Permissions boundary of every role that ${local.role_name} creates."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # As wide as AmazonAPIGatewayPushToCloudWatchLogs, which API Gateway's role needs. X-Ray has no resource-level permissions.
      { Sid = "LogsAndTraces", Effect = "Allow", Resource = "*", Action = [
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams",
        "logs:PutLogEvents", "logs:GetLogEvents", "logs:FilterLogEvents",
        "xray:PutTraceSegments", "xray:PutTelemetryRecords",
      ] },
      {
        Sid    = "Messages"
        Effect = "Allow"
        Action = [
          "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
          "sns:Publish",
        ]
        Resource = ["arn:aws:sqs:*:${var.account_id}:bbws-*", "arn:aws:sns:*:${var.account_id}:bbws-*"]
      },
      { Sid = "Tables", Effect = "Allow", Resource = ["arn:aws:dynamodb:*:${var.account_id}:table/bbws-*"], Action = [
        "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query",
      ] },
      { Sid = "Buckets", Effect = "Allow", Resource = flatten([for arn in local.application_bucket_arns : [arn, "${arn}/*"]]), Action = [
        "s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetReplicationConfiguration",
        "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging",
        "s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags",
      ] },
      { Sid = "Mail", Effect = "Allow", Action = "ses:SendRawEmail", Resource = [
        "arn:aws:ses:*:${var.account_id}:identity/*", "arn:aws:ses:*:${var.account_id}:configuration-set/bbws-*",
      ] },
      {
        # Lambda decrypts environment variables as the function's role, by a grant to that role. AWS does not say whether a
        # boundary limits such a grant, so the boundary allows it. This permits nothing by itself.
        Sid       = "EnvironmentVariablesKey"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = "arn:aws:kms:*:${var.account_id}:key/*"
        Condition = { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = "alias/aws/lambda" } }
      },
      local.key_statement,
    ]
  })
}
