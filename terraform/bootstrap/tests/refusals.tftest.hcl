# What the variables refuse; run with -var-file=env/dev.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

variables {
  repository = "kimmyai/orders"
}

run "the_account_of_another_environment" {
  command         = plan
  expect_failures = [var.account_id]
  variables {
    account_id = "815856636111"
  }
}

run "an_environment_without_an_account" {
  command         = plan
  expect_failures = [var.environment]
  variables {
    environment = "local"
    account_id  = ""
  }
}

run "every_repository_of_an_owner" {
  command         = plan
  expect_failures = [var.repository]
  variables {
    repository = "kimmyai/*"
  }
}

run "a_repository_without_its_owner" {
  command         = plan
  expect_failures = [var.repository]
  variables {
    repository = "orders"
  }
}
