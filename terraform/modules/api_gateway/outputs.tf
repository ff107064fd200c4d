output "id" {
  description = "Id of the REST API."
  value       = aws_api_gateway_rest_api.this.id
}

output "url" {
  description = "URL of the stage in AWS."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "role_boundary" {
  description = "Permissions boundary of the access-log role; null for none."
  value       = aws_iam_role.logs.permissions_boundary
}
