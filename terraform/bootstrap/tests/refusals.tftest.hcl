# Values that the variables reject. Run with -var-file=env/dev.tfvars.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "failover"
}

variables {
  subject_prefix = "repo:kimmyai@5544123/orders@821093847"
  repository_id  = "821093847"
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
  expect_failures = [var.subject_prefix]
  variables {
    subject_prefix = "repo:kimmyai/*"
  }
}

run "subject_with_a_job_is_rejected" {
  command         = plan
  expect_failures = [var.subject_prefix]
  variables {
    subject_prefix = "repo:kimmyai/orders:environment:dev"
  }
}

run "repository_without_owner_is_rejected" {
  command         = plan
  expect_failures = [var.subject_prefix]
  variables {
    subject_prefix = "repo:orders"
  }
}

run "id_of_another_repository_is_rejected" {
  command         = plan
  expect_failures = [var.subject_prefix]
  variables {
    repository_id = "21093847"
  }
}

run "values_that_trust_too_many_are_rejected" {
  command         = plan
  expect_failures = [var.repository_id, var.operator_role_arns, var.operator_user_arns]
  variables {
    subject_prefix     = "repo:kimmyai/orders"
    repository_id      = "*"
    operator_role_arns = ["arn:aws:iam::${var.account_id}:role/aws-reserved/sso.amazonaws.com/*"]
    operator_user_arns = ["arn:aws:iam::815856636111:user/thandi"]
  }
}
