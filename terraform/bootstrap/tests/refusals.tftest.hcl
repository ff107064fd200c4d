# Values that the variables reject. Run with -var-file=env/dev.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

variables {
  repository = "kimmyai/orders"
}

run "account_of_another_environment_is_rejected" {
  command         = plan
  expect_failures = [var.account_id]
  variables {
    account_id = "815856636111"
  }
}

run "environment_without_an_account_is_rejected" {
  command         = plan
  expect_failures = [var.environment]
  variables {
    environment = "local"
    account_id  = ""
  }
}

run "repository_wildcard_is_rejected" {
  command         = plan
  expect_failures = [var.repository]
  variables {
    repository = "kimmyai/*"
  }
}

run "repository_without_owner_is_rejected" {
  command         = plan
  expect_failures = [var.repository]
  variables {
    repository = "orders"
  }
}
