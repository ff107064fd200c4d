# R3, and R1's removal protection, on module dynamodb.

mock_provider "aws" {}

variables {
  name      = "orders"
  hash_key  = "PK"
  range_key = "SK"
  global_secondary_indexes = {
    OrdersByDateIndex = { hash_key = "GSI1_PK", range_key = "GSI1_SK" }
    OrderByIdIndex    = { hash_key = "GSI2_PK", range_key = "GSI2_SK" }
  }
  stream_enabled              = true
  point_in_time_recovery_days = 35
  deletion_protection         = true
  replica_regions             = ["eu-west-1"]
}

run "the_orders_table" {
  command = plan
  module {
    source = "./modules/dynamodb"
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table is on demand."
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_view_type == "NEW_AND_OLD_IMAGES"
    error_message = "The stream has new and old images."
  }

  assert {
    condition     = { for index in aws_dynamodb_table.this.global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type] } == { OrdersByDateIndex = ["GSI1_PK", "GSI1_SK", "ALL"], OrderByIdIndex = ["GSI2_PK", "GSI2_SK", "ALL"] }
    error_message = "The indexes are those of R3."
  }

  assert {
    condition     = toset([for attribute in aws_dynamodb_table.this.attribute : attribute.name]) == toset(["PK", "SK", "GSI1_PK", "GSI1_SK", "GSI2_PK", "GSI2_SK"])
    error_message = "Every key is an attribute, and nothing else is."
  }

  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "The table is encrypted."
  }

  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.point_in_time_recovery[0].recovery_period_in_days == 35
    error_message = "The table can be restored to any moment of 35 days."
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "The table refuses to be deleted."
  }

  assert {
    condition     = [for replica in aws_dynamodb_table.this.replica : [replica.region_name, replica.point_in_time_recovery]] == [["eu-west-1", true]]
    error_message = "The replica is in eu-west-1 and can be restored too."
  }
}

run "protection_off" {
  command = plan
  module {
    source = "./modules/dynamodb"
  }
  variables {
    point_in_time_recovery_days = 0
    deletion_protection         = false
    replica_regions             = []
  }

  assert {
    condition     = !aws_dynamodb_table.this.point_in_time_recovery[0].enabled && !aws_dynamodb_table.this.deletion_protection_enabled && length(aws_dynamodb_table.this.replica) == 0
    error_message = "local has no protection, so that it can be thrown away."
  }
}
