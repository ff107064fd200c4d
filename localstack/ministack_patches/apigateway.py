"""API Gateway: which tokens a REST API accepts, its response when a function fails, tracing, metrics."""

import json
import os
import time
from typing import Any

from ministack.core import sigv4, tls
from ministack.core.responses import _request_account_id, _request_region
from ministack.services import apigateway_v1, cloudwatch

from localstack.ministack_patches.iam import has_service_linked_role
from localstack.ministack_patches.patching import Function, replaces


@replaces(apigateway_v1, "_validate_cognito_authorizer")
async def accept_id_tokens_only(validate: Function, authorizer: Any, method: dict[str, Any], *request: Any) -> Any:
    """Refuse access tokens where a method requires no scopes; MiniStack accepts them.

    Source: API Gateway Developer Guide, "Control access to REST APIs using Amazon Cognito user pools as an
    authorizer": without OAuth scopes the token is treated as an identity token.
    """
    claims, error = await validate(authorizer, method, *request)
    if claims and not method.get("authorizationScopes") and claims.get("token_use") != "id":
        return None, apigateway_v1._gw_error("UNAUTHORIZED", "Unauthorized")
    return claims, error


@replaces(apigateway_v1, "_resolve_jwks_url")
async def fetch_keys_where_they_are(resolve: Function, authorizer: dict[str, Any]) -> str | None:
    """Fetch the keys of the harness's issuer from the issuer, and those of Cognito over TLS if MiniStack serves TLS.

    MiniStack knows no other issuer than its Cognito, and always fetches over HTTP.
    """
    pool = str(authorizer["jwtConfiguration"]["issuer"]).rpartition("/")[2]
    if pool == os.environ.get("ISSUER_POOL"):
        return f"{os.environ['ISSUER_URL']}/{pool}/.well-known/jwks.json"
    url: str | None = await resolve(authorizer)
    return url.replace("http://", "https://", 1) if url and tls.use_ssl_enabled() else url


@replaces(apigateway_v1, "_lambda_proxy_response")
def hide_function_errors(respond: Function, result: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """Respond with 502 `Internal server error` alone when a function raises or returns anything but a response.

    MiniStack's response contains the function's error. Source: API Gateway Developer Guide, "Handle Lambda errors in
    API Gateway".
    """
    response, error = respond(result)
    if error or (not result.get("throttle") and not _is_response(result.get("body"))):
        return None, "Internal server error"
    return response, None


def _is_response(body: object) -> bool:
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except ValueError:
            return False
    return isinstance(body, dict) and "statusCode" in body


@replaces(apigateway_v1, "find_api_scope")
def find_api_in_any_account(_: Function, api_id: str) -> tuple[str, str] | None:
    """Find account and region of a request by the id of its API; MiniStack looks in the default account only.

    Source: API Gateway Developer Guide, "Invoke REST APIs": the URL of an API names no account.
    """
    owners = (key[:2] for key, _ in apigateway_v1._rest_apis.all_items() if key[2] == api_id)
    return next(owners, None)


@replaces(apigateway_v1, "_execute_in_scope")
async def read_token_as_signature(execute: Function, request: dict[str, Any], *call: Any) -> Any:
    """Refuse a token on an unknown route as an incomplete signature; MiniStack responds as without a token.

    Source: API Gateway Developer Guide, "Gateway response types", DEFAULT_4XX and INVALID_SIGNATURE.
    """
    response = await execute(request, *call)
    token = request["headers"].get("authorization", "")
    unknown = getattr(response, "response_type", "") == "MISSING_AUTHENTICATION_TOKEN"
    if not unknown or not token or token.startswith("AWS4-"):
        return response
    _, message = sigv4.foreign_authorization_failure(request["headers"])
    return apigateway_v1._GatewayError("DEFAULT_4XX", message, "IncompleteSignatureException")


@replaces(apigateway_v1, "_create_stage")
@replaces(apigateway_v1, "_update_stage")
def trace_with_service_linked_role(put: Function, *api_and_data: Any) -> Any:
    """Refuse tracing where API Gateway's service-linked role is missing and the caller may not create it.

    MiniStack needs no role. Source: API Gateway Developer Guide, "Set up AWS X-Ray with API Gateway REST APIs": API
    Gateway creates the role when a stage enables tracing.
    """
    data = api_and_data[-1]
    changes = {change.get("path"): change.get("value") for change in data.get("patchOperations", [])}
    traced = data.get("tracingEnabled") or changes.get("/tracingEnabled") == "true"
    if traced and not has_service_linked_role("ops.apigateway.amazonaws.com"):
        message = "Caller does not have permissions to create a Service Linked Role."
        return apigateway_v1._v1_error("BadRequestException", message, 400)
    return put(*api_and_data)


@replaces(apigateway_v1, "handle_execute")
async def publish_metrics(execute: Function, api_id: str, stage: str, *request: Any) -> Any:
    """Publish count, errors and latency of each request, by API and by stage; MiniStack publishes none.

    Source: API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics".
    """
    started = time.time()
    response = await execute(api_id, stage, *request)
    scope = apigateway_v1.find_api_scope(api_id)
    if scope is None:
        return response
    tokens = _request_account_id.set(scope[0]), _request_region.set(scope[1])
    try:
        name, status = apigateway_v1._rest_apis[api_id]["name"], response[0]
        metrics = [
            ("Count", 1.0, "Count"),
            ("4XXError", float(400 <= status < 500), "Count"),
            ("5XXError", float(status >= 500), "Count"),
            ("Latency", (time.time() - started) * 1000, "Milliseconds"),
        ]
        for dimensions in ({"ApiName": name}, {"ApiName": name, "Stage": stage}):
            for metric, value, unit in metrics:
                cloudwatch.record_metric("AWS/ApiGateway", metric, value, unit, dimensions)
    finally:
        _request_account_id.reset(tokens[0])
        _request_region.reset(tokens[1])
    return response
