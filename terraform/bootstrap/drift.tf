# A role that plans and asks nobody, every night and for who is to approve a promotion: it reads what the deployment
# role reads, and changes nothing.

locals {
  drift_role_name = "${local.role_name}-drift"

  # Orders and locks are no part of a plan; the releases of the environment before are, while one waits for approval.
  not_for_drift = ["Replicas", "Locks"]
  drift_reads = [
    for statement in flatten([for subject, statements in local.deployment_statements : statements if subject != "tests"]) : merge(statement, {
      Action = [for action in flatten([statement.Action]) : action if can(regex(":(Get|List|Describe|GET$)", action))]
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
  description          = "GitHub Actions of ${var.repository}, in environment ${var.environment}-drift, plans for the Order service and changes nothing."
  max_session_duration = 3600
  permissions_boundary = aws_iam_policy.deployment_boundary.arn
  assume_role_policy   = local.trust["${var.environment}-drift"]
}

resource "aws_iam_policy" "drift" {
  name        = "bbws-order-lambda-drift-${var.environment}"
  description = "What ${local.drift_role_name} may do."
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.drift_statements })
}

resource "aws_iam_role_policy_attachment" "drift" {
  role       = aws_iam_role.drift.name
  policy_arn = aws_iam_policy.drift.arn
}
