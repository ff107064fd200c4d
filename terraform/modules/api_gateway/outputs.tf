output "id" {
  description = "Id of the REST API."
  value       = aws_api_gateway_rest_api.this.id
}

output "url" {
  description = "URL of the stage in AWS."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "role_boundary" {
  description = "ARN of the policy that caps the role that API Gateway writes logs with; null for none."
  value       = aws_iam_role.logs.permissions_boundary
}
