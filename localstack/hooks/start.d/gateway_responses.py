"""Gives a refusal of API Gateway the body and headers that its gateway response configures; LocalStack ignores both.

Source: API Gateway Developer Guide, "Gateway responses in API Gateway". LocalStack runs this script when it starts.
"""

from typing import Any

from localstack.services.apigateway.next_gen.execute_api.gateway_response import (
    DEFAULT_GATEWAY_RESPONSES,
    get_gateway_response_or_default,
)
from localstack.services.apigateway.next_gen.execute_api.handlers.gateway_exception import GatewayExceptionHandler
from localstack.services.apigateway.next_gen.execute_api.template_mapping import ApiGatewayVtlTemplate

_JSON = "application/json"
_HEADER = "gatewayresponse.header."
_create = GatewayExceptionHandler.create_exception_response


def create(handler: GatewayExceptionHandler, exception: Any, context: Any) -> Any:
    """Create the response to a refused request."""
    response = _create(handler, exception, context)
    configured = get_gateway_response_or_default(exception.type, context.deployment.rest_api.gateway_responses)
    if configured is DEFAULT_GATEWAY_RESPONSES.get(exception.type):
        return response
    template = configured.get("responseTemplates", {}).get(_JSON)
    if template:
        variables = {"context": context.context_variables, "stageVariables": context.stage_variables or {}}
        response.data = ApiGatewayVtlTemplate().render_vtl(template=template, variables=variables)
    for name, value in configured.get("responseParameters", {}).items():
        # Terraform sets text in single quotes only; API Gateway would also copy parts of the request.
        response.headers[name.removeprefix(_HEADER)] = value.strip("'")
    return response


GatewayExceptionHandler.create_exception_response = create
