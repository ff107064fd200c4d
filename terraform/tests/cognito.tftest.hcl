# Module cognito: sign-in, attributes, clients.

mock_provider "aws" {}

variables {
  name                = "bbws-order-users-dev"
  deletion_protection = true
}

run "the_pool" {
  command = plan
  module {
    source = "./modules/cognito"
  }

  assert {
    condition     = aws_cognito_user_pool.this.username_configuration[0].case_sensitive == false
    error_message = "Thandi@acme.co.za and thandi@acme.co.za must be the same user. The setting cannot be changed later."
  }

  assert {
    condition     = aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only && aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "Only administrators may create users, and the pool must have deletion protection."
  }

  assert {
    condition     = !contains(aws_cognito_user_pool_client.portal.write_attributes, "custom:tenantId")
    error_message = "Users must not write the tenant that they belong to."
  }
}
