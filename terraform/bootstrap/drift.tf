# A read-only role for plans: the nightly drift check, and the evidence pack that an approver reads before a promotion.
# It reads what the deployment role reads.

locals {
  drift_role_name = "${local.role_name}-drift"

  # A plan needs neither orders nor locks. It does need the previous environment's releases, while one waits for approval.
  not_for_drift = ["Replicas", "Locks"]
  drift_reads = [
    for statement in flatten([for subject, statements in local.deployment_statements : statements if subject != "tests"]) : merge(statement, {
      Action = [for action in flatten([statement.Action]) : action if can(regex(":(Get|List|Describe|View|GET$)", action))]
    }) if !contains(local.not_for_drift, statement.Sid)
  ]
  drift_statements = concat(
    [for statement in local.drift_reads : statement if length(statement.Action) > 0],
    [{
      Sid      = "Alert"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = "arn:aws:sns:${local.home_region}:${var.account_id}:bbws-alerts-${var.environment}"
    }],
  )
}

resource "aws_iam_role" "drift" {
  name                 = local.drift_role_name
  description          = "GitHub Actions of ${local.repository}, environment ${var.environment}-drift: plans for the Order service, read-only."
  max_session_duration = 3600
  permissions_boundary = aws_iam_policy.deployment_boundary.arn
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = [local.trust["${var.environment}-drift"]] })
}

resource "aws_iam_policy" "drift" {
  name        = "bbws-order-lambda-drift-${var.environment}"
  description = "Permissions of ${local.drift_role_name}."
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.drift_statements })
}

resource "aws_iam_role_policy_attachment" "drift" {
  role       = aws_iam_role.drift.name
  policy_arn = aws_iam_policy.drift.arn
}
