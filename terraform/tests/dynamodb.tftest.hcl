# Module dynamodb: keys, indexes, stream, encryption, recovery, deletion protection, replica.

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
    error_message = "The table must be on demand."
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_view_type == "NEW_AND_OLD_IMAGES"
    error_message = "The stream must have new and old images."
  }

  assert {
    condition     = { for index in aws_dynamodb_table.this.global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type] } == { OrdersByDateIndex = ["GSI1_PK", "GSI1_SK", "ALL"], OrderByIdIndex = ["GSI2_PK", "GSI2_SK", "ALL"] }
    error_message = "The indexes must have the agreed keys and all attributes."
  }

  assert {
    condition     = toset([for attribute in aws_dynamodb_table.this.attribute : attribute.name]) == toset(["PK", "SK", "GSI1_PK", "GSI1_SK", "GSI2_PK", "GSI2_SK"])
    error_message = "Exactly the keys must be declared as attributes."
  }

  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "The table must be encrypted."
  }

  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.point_in_time_recovery[0].recovery_period_in_days == 35
    error_message = "The table must be restorable to any time in the last 35 days."
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "The table must have deletion protection."
  }

  assert {
    condition     = [for replica in aws_dynamodb_table.this.replica : [replica.region_name, replica.point_in_time_recovery]] == [["eu-west-1", true]]
    error_message = "The replica must be in eu-west-1 and have point-in-time recovery."
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
    error_message = "Environment local must have no protection, so that it can be destroyed."
  }
}
