# Prod in the other region: run with -var-file=env/prod.tfvars -var-file=env/failover.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

run "what_holds_orders_is_there_already" {
  command = plan

  assert {
    condition     = length(module.orders_table) + length(module.orders_bucket) + length(module.templates_bucket) == 0
    error_message = "R1: the replica and the copies are made by the home region; here they are only used."
  }

  assert {
    condition     = output.orders_table == "bbws-customer-portal-orders-prod"
    error_message = "R3: a replica has the name of its table."
  }

  assert {
    condition     = output.orders_bucket == "bbws-orders-prod-failover" && output.templates_bucket == "bbws-email-templates-prod-failover"
    error_message = "R1: the functions use the copies of the buckets."
  }

  assert {
    condition     = module.monitoring.dashboard_name == "bbws-order-prod-eu-west-1"
    error_message = "A dashboard's name is taken once for an account, whatever the region."
  }

  assert {
    condition     = alltrue([for name in values(output.role_names) : endswith(name, "-eu-west-1")])
    error_message = "A role's name is taken once for an account, whatever the region."
  }
}
