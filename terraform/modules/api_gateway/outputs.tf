output "id" {
  description = "Id of the REST API."
  value       = aws_api_gateway_rest_api.this.id
}

output "url" {
  description = "URL of the stage in AWS."
  value       = aws_api_gateway_stage.this.invoke_url
}
