# Prod in the fail-over region: run with -var-file=env/prod.tfvars -var-file=env/failover.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

run "failover_uses_the_replicas" {
  command = plan

  assert {
    condition     = length(module.orders_table) + length(module.orders_bucket) + length(module.templates_bucket) == 0
    error_message = "The fail-over must use the home region's replicas, not create tables or buckets."
  }

  assert {
    condition     = output.orders_table == "bbws-customer-portal-orders-prod"
    error_message = "A replica must have the name of its table."
  }

  assert {
    condition     = output.orders_bucket == "bbws-orders-prod-failover" && output.templates_bucket == "bbws-email-templates-prod-failover"
    error_message = "The functions must use the replica buckets."
  }

  assert {
    condition     = module.monitoring.dashboard_name == "bbws-order-prod-eu-west-1"
    error_message = "Dashboard names are global to an account and must contain the region."
  }

  assert {
    condition     = alltrue([for name in values(output.role_names) : endswith(name, "-eu-west-1")])
    error_message = "Role names are global to an account and must contain the region."
  }

  assert {
    condition     = length(aws_budgets_budget.account) == 0
    error_message = "A budget belongs to the account: the home region has it."
  }
}

run "the_name_is_secondary" {
  command = plan
  variables {
    hosted_zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = module.domain[0].failover == "SECONDARY"
    error_message = "The name must lead here only while the home region's health check fails."
  }
}
