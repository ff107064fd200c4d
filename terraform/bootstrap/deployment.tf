# Permissions of the deployment role. One policy per subject, because IAM limits a policy to 6,144 characters.
# A statement allows, unless it has another effect.

locals {
  allow = { Effect = "Allow" }

  # Shared with the boundary, which allows no other IAM actions.
  role_statements = concat(
    [
      {
        # Without the condition the role could create a role with more permissions than itself.
        Sid = "BoundedRoles"
        Action = [
          "iam:CreateRole", "iam:PutRolePermissionsBoundary",
          "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy",
        ]
        Resource  = local.role_arns
        Condition = { StringEquals = { "iam:PermissionsBoundary" = local.function_boundary_arn } }
      },
      { Sid = "Roles", Resource = local.role_arns, Action = [
        # Not under the condition above: requests to delete a role do not have that key, and would always be denied.
        "iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole", "iam:ListRoleTags", "iam:TagRole", "iam:UntagRole",
        "iam:UpdateRole", "iam:UpdateAssumeRolePolicy",
      ] },
      {
        Sid       = "PassRoles"
        Action    = "iam:PassRole"
        Resource  = local.role_arns
        Condition = { StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "apigateway.amazonaws.com"] } }
      },
    ],
    # S3 takes the replication role. AWS does not document the value of iam:PassedToService in that request.
    [for arns in local.failover ? [local.replication_role_arns] : [] : { Sid = "PassReplicationRoles", Action = "iam:PassRole", Resource = arns }],
    # DynamoDB's service-linked role for replication, which the first replica of an account creates.
    [for _ in local.failover ? [1] : [] : {
      Sid       = "TableReplicationRole"
      Action    = "iam:CreateServiceLinkedRole"
      Resource  = "${local.iam}:role/aws-service-role/replication.dynamodb.amazonaws.com/*"
      Condition = { StringEquals = { "iam:AWSServiceName" = "replication.dynamodb.amazonaws.com" } }
    }],
  )

  state_and_release_statements = [
    { Sid = "States", Action = ["s3:GetObject", "s3:PutObject"], Resource = [for arn in local.state_bucket_arns : "${arn}/order-lambda/*"] },
    { Sid = "Locks", Action = "s3:DeleteObject", Resource = local.lock_arns },
    { Sid = "Releases", Action = ["s3:GetObject", "s3:PutObject"], Resource = [for arn in local.releases_bucket_arns : "${arn}/*"] },
    { Sid = "PreviousReleases", Action = "s3:GetObject", Resource = [for arn in local.previous_bucket_arns : "${arn}/*"] },
    # Without ListBucket a missing key gives 403 instead of 404.
    { Sid = "ListBuckets", Action = "s3:ListBucket", Resource = local.kept_bucket_arns },
  ]

  data_statements = concat(
    [
      { Sid = "Tables", Resource = "arn:aws:dynamodb:*:${var.account_id}:table/bbws-*", Action = [
        "dynamodb:CreateTable", "dynamodb:DescribeTable", "dynamodb:UpdateTable", "dynamodb:DeleteTable",
        "dynamodb:DescribeContinuousBackups", "dynamodb:UpdateContinuousBackups",
        "dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive",
        "dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource",
      ] },
      { Sid = "Buckets", Resource = local.application_bucket_arns, Action = [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucket*",
        "s3:GetAccelerateConfiguration", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
        "s3:PutBucketCORS", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration",
      ] },
      { Sid = "Templates", Resource = [for arn in local.templates_bucket_arns : "${arn}/*"], Action = [
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObjectTagging", "s3:PutObjectTagging",
      ] },
    ],
    # DynamoDB fills a new replica with the caller's permissions.
    [for arn in local.failover ? [local.orders_table_arn] : [] : { Sid = "Replicas", Resource = arn, Action = [
      "dynamodb:CreateTableReplica", "dynamodb:DeleteTableReplica", "dynamodb:Query", "dynamodb:Scan",
      "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
    ] }],
  )

  service_statements = [
    { Sid = "Queues", Resource = "arn:aws:sqs:*:${var.account_id}:bbws-*", Action = [
      "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes",
      "sqs:ListQueueTags", "sqs:TagQueue", "sqs:UntagQueue",
    ] },
    { Sid = "Topics", Resource = "arn:aws:sns:*:${var.account_id}:bbws-*", Action = [
      "sns:CreateTopic", "sns:DeleteTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes",
      "sns:Subscribe", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource", "sns:TagResource", "sns:UntagResource",
    ] },
    # These actions have no resource-level permissions.
    { Sid = "WithoutResources", Resource = "*", Action = [
      "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe",
      "ses:VerifyDomainIdentity", "ses:VerifyDomainDkim", "ses:DeleteIdentity", "ses:SetIdentityMailFromDomain",
      "ses:GetIdentityVerificationAttributes", "ses:GetIdentityDkimAttributes", "ses:GetIdentityMailFromDomainAttributes",
      # AWS documents it with a resource in one place and without in another.
      "ses:CreateConfigurationSet",
      "cognito-idp:CreateUserPool", "logs:DescribeLogGroups",
      "logs:PutQueryDefinition", "logs:DescribeQueryDefinitions", "logs:DeleteQueryDefinition",
    ] },
    { Sid = "ConfigurationSets", Resource = "arn:aws:ses:*:${var.account_id}:configuration-set/bbws-*", Action = [
      "ses:GetConfigurationSet", "ses:DeleteConfigurationSet",
      "ses:PutConfigurationSetReputationOptions", "ses:PutConfigurationSetSuppressionOptions",
      "ses:CreateConfigurationSetEventDestination", "ses:GetConfigurationSetEventDestinations",
      "ses:UpdateConfigurationSetEventDestination", "ses:DeleteConfigurationSetEventDestination",
      "ses:ListTagsForResource", "ses:TagResource", "ses:UntagResource",
    ] },
    # A pool's ARN contains a generated id, so it cannot be named in advance.
    { Sid = "Pools", Resource = "arn:aws:cognito-idp:*:${var.account_id}:userpool/*", Action = [
      "cognito-idp:DescribeUserPool", "cognito-idp:UpdateUserPool", "cognito-idp:DeleteUserPool",
      "cognito-idp:GetUserPoolMfaConfig", "cognito-idp:SetUserPoolMfaConfig", "cognito-idp:AddCustomAttributes",
      "cognito-idp:CreateGroup", "cognito-idp:GetGroup", "cognito-idp:UpdateGroup", "cognito-idp:DeleteGroup",
      "cognito-idp:CreateUserPoolClient", "cognito-idp:DescribeUserPoolClient", "cognito-idp:UpdateUserPoolClient", "cognito-idp:DeleteUserPoolClient",
      "cognito-idp:ListTagsForResource", "cognito-idp:TagResource", "cognito-idp:UntagResource",
    ] },
    # The same for an API; its ARNs do not contain the account either.
    { Sid = "Apis", Resource = [for path in ["/restapis", "/restapis/*", "/tags/*"] : "arn:aws:apigateway:*::${path}"], Action = [
      "apigateway:GET", "apigateway:POST", "apigateway:PUT", "apigateway:PATCH", "apigateway:DELETE", "apigateway:TagResource",
    ] },
    { Sid = "ApiLogRole", Action = ["apigateway:GET", "apigateway:PATCH"], Resource = "arn:aws:apigateway:*::/account" },
    { Sid = "Alarms", Resource = "arn:aws:cloudwatch:*:${var.account_id}:alarm:bbws-*", Action = [
      "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms",
      "cloudwatch:ListTagsForResource", "cloudwatch:TagResource", "cloudwatch:UntagResource",
    ] },
    # A canary lists all alarms in state ALARM.
    { Sid = "AlarmStates", Action = "cloudwatch:DescribeAlarms", Resource = "arn:aws:cloudwatch:*:${var.account_id}:alarm:*" },
    # A canary also reads the errors and calls of the new versions. Metrics have no resource-level permissions.
    { Sid = "Metrics", Action = ["cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"], Resource = "*" },
    { Sid = "Dashboards", Resource = "arn:aws:cloudwatch::${var.account_id}:dashboard/bbws-*", Action = [
      "cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards",
    ] },
    { Sid = "LogGroups", Resource = [
      for service in ["lambda", "apigateway"] : "arn:aws:logs:*:${var.account_id}:log-group:/aws/${service}/bbws-*"
      ], Action = [
      "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy",
      "logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource",
    ] },
  ]

  # The name of the API (module domain): its certificate, its API Gateway domain name, its records. The boundary allows no more.
  domain_statements = [for statement in concat(
    [
      {
        Sid      = "RequestCertificate"
        Action   = "acm:RequestCertificate"
        Resource = "*"
        Condition = {
          "ForAllValues:StringEquals" = { "acm:DomainNames" = var.domain_name }
          StringEquals                = { "acm:ValidationMethod" = "DNS" }
        }
      },
      # A certificate's ARN contains a generated id, so it cannot be named in advance.
      { Sid = "Certificates", Resource = "arn:aws:acm:*:${var.account_id}:certificate/*", Action = [
        "acm:DescribeCertificate", "acm:DeleteCertificate",
        "acm:ListTagsForCertificate", "acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate",
      ] },
      { Sid = "Zone", Resource = local.zone_arn, Action = ["route53:GetHostedZone", "route53:ListResourceRecordSets"] },
      {
        Sid      = "Records"
        Action   = "route53:ChangeResourceRecordSets"
        Resource = local.zone_arn
        # The API's own name, and the name that ACM validates it by.
        Condition = { "ForAllValues:StringLike" = { "route53:ChangeResourceRecordSetsNormalizedRecordNames" = [var.domain_name, "_*.${var.domain_name}"] } }
      },
      { Sid = "ZoneChanges", Action = "route53:GetChange", Resource = "arn:aws:route53:::change/*" },
    ],
    [for _ in local.failover ? [1] : [] : { Sid = "HealthChecks", Resource = "arn:aws:route53:::healthcheck/*", Action = [
      "route53:GetHealthCheck", "route53:UpdateHealthCheck", "route53:DeleteHealthCheck",
      "route53:ListTagsForResource", "route53:ChangeTagsForResource",
    ] }],
    # Creating one has no resource-level permissions.
    [for _ in local.failover ? [1] : [] : { Sid = "CreateHealthChecks", Action = "route53:CreateHealthCheck", Resource = "*" }],
  ) : statement if var.hosted_zone_id != ""]

  domain_name_statements = [for statement in [
    { Sid = "DomainNames", Resource = [for path in ["", "/${var.domain_name}", "/${var.domain_name}/*"] : "arn:aws:apigateway:*::/domainnames${path}"], Action = [
      "apigateway:GET", "apigateway:POST", "apigateway:PATCH", "apigateway:DELETE",
    ] },
  ] : statement if var.hosted_zone_id != ""]

  budget_statements = [
    { Sid = "Budgets", Resource = "arn:aws:budgets::${var.account_id}:budget/bbws-*", Action = [
      "budgets:ViewBudget", "budgets:ModifyBudget", "budgets:ListTagsForResource", "budgets:TagResource", "budgets:UntagResource",
    ] },
  ]

  function_statements = [
    { Sid = "Functions", Resource = "arn:aws:lambda:*:${var.account_id}:function:bbws-*", Action = [
      "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:GetFunction*", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      "lambda:PublishVersion", "lambda:ListVersionsByFunction", "lambda:GetRuntimeManagementConfig",
      "lambda:CreateAlias", "lambda:GetAlias", "lambda:UpdateAlias", "lambda:DeleteAlias",
      "lambda:AddPermission", "lambda:RemovePermission", "lambda:GetPolicy",
      "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource",
      # Each new version is invoked once before it gets traffic.
      "lambda:InvokeFunction",
    ] },
    {
      Sid       = "CreateMappings"
      Action    = "lambda:CreateEventSourceMapping"
      Resource  = "*"
      Condition = { ArnLike = { "lambda:FunctionArn" = "arn:aws:lambda:*:${var.account_id}:function:bbws-*" } }
    },
    # A mapping's ARN contains a generated id, so it cannot be named in advance.
    { Sid = "Mappings", Resource = "arn:aws:lambda:*:${var.account_id}:event-source-mapping:*", Action = [
      "lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping",
      "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource",
    ] },
  ]

  # What the end-to-end tests need besides the API. In prod the tests only read, through the API.
  test_statements = [
    { Sid = "TestUsers", Resource = "arn:aws:cognito-idp:*:${var.account_id}:userpool/*", Action = [
      "cognito-idp:AdminCreateUser", "cognito-idp:AdminSetUserPassword", "cognito-idp:AdminAddUserToGroup", "cognito-idp:AdminDeleteUser",
    ] },
    { Sid = "TestMessages", Resource = "arn:aws:sqs:*:${var.account_id}:bbws-order-*", Action = [
      "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
    ] },
    { Sid = "TestOrders", Resource = [local.orders_table_arn, "${local.orders_table_arn}/index/*"], Action = [
      "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query",
    ] },
    { Sid = "TestInvoices", Action = "s3:GetObject", Resource = [for arn in local.orders_bucket_arns : "${arn}/*"] },
    { Sid = "TestLogs", Action = "logs:FilterLogEvents", Resource = "arn:aws:logs:*:${var.account_id}:log-group:/aws/lambda/bbws-*" },
  ]

  # Statements without resources, such as dev's previous environment, are dropped.
  deployment_statements = { for subject, statements in merge(
    {
      states-and-releases = local.state_and_release_statements
      roles               = local.role_statements
      data                = local.data_statements
      services            = local.service_statements
      functions           = local.function_statements
      domain-and-budget   = concat(local.domain_statements, local.domain_name_statements, local.budget_statements)
    },
    var.environment == "prod" ? {} : { tests = local.test_statements },
  ) : subject => [for statement in statements : merge(local.allow, statement) if length(flatten([statement.Resource])) > 0] }
}
