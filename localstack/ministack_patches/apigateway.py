"""API Gateway: tokens and their claims, mocks, responses when a function fails, tracing, metrics, own names."""

import json
import os
import time
from contextvars import ContextVar
from typing import Any

import airspeed
from ministack import app as gateway
from ministack.core import sigv4, tls
from ministack.core.responses import _request_account_id, _request_region
from ministack.services import acm, apigateway_v1, cloudwatch

from localstack.ministack_patches.iam import has_service_linked_role
from localstack.ministack_patches.patching import Function, replaces

# The request that is executed, as MiniStack's gateway responses see it.
_request: ContextVar[dict[str, Any]] = ContextVar("request")


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
    if url is None:
        return None
    # A bare machine does not know the name.
    url = url.replace("://localhost:", "://127.0.0.1:", 1)
    return url.replace("http://", "https://", 1) if tls.use_ssl_enabled() else url


@replaces(apigateway_v1, "_stringify_claims")
def join_lists_with_commas(stringify: Function, claims: dict[str, Any]) -> dict[str, str]:
    """Give a function the groups `a` and `b` as the text `a,b`; MiniStack gives `[a b]`, as HTTP APIs do.

    Source: AWS does not document it; AWS re:Post, "AWS Cognito Group", and Stack Overflow show events of REST APIs.
    """
    texts: dict[str, str] = stringify(claims)
    lists = {name: ",".join(map(str, value)) for name, value in claims.items() if isinstance(value, list)}
    return texts | lists


@replaces(apigateway_v1, "_execute_in_scope")
async def remember_request(execute: Function, request: dict[str, Any], *more: Any) -> Any:
    """Remember the request for `render_mock`."""
    _request.set(request)
    return await execute(request, *more)


class _Input:
    """The variable `$input` of a mapping template."""

    def params(self, name: str) -> str:
        """A parameter of the request: of the path, the query or a header."""
        request = _request.get()
        for place in ("path_params", "query_params", "headers"):
            value = request[place].get(name)
            if value:
                return str(value[0] if isinstance(value, list) else value)
        return ""


@replaces(apigateway_v1, "_invoke_mock_v1")
def render_mock(invoke: Function, integration: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Render the response's mapping template, which can set headers; MiniStack returns its source.

    Source: API Gateway Developer Guide, "Override your API's request and response parameters and status codes for REST
    APIs", and "Mapping template transformations for REST APIs".
    """
    status, headers, template = invoke(integration)
    overrides: dict[str, str] = {}
    variables = {"input": _Input(), "context": {"responseOverride": {"header": overrides}}}
    body = airspeed.Template(template.decode()).merge(variables).encode()
    return status, headers | overrides, b"" if status == 204 else body


class _FunctionFailedError(apigateway_v1._GatewayError):  # type: ignore[misc]
    """A function that failed, whose gateway response is DEFAULT_5XX with status 502."""


@replaces(apigateway_v1, "_invoke_lambda_proxy_v1")
async def respond_to_failed_function(invoke: Function, *request: Any, **named: Any) -> Any:
    """Respond with the gateway response DEFAULT_5XX when a function fails; MiniStack ignores gateway responses there.

    Source: API Gateway Developer Guide, "Gateway response types for API Gateway", DEFAULT_5XX.
    """
    response = await invoke(*request, **named)
    if isinstance(response, tuple) and response[0] == 502 and response[2] == b'{"message": "Internal server error"}':
        return _FunctionFailedError("DEFAULT_5XX", "Internal server error")
    return response


@replaces(apigateway_v1, "_gateway_error_response")
def keep_status_of_failure(respond: Function, error: Any, request: dict[str, Any]) -> Any:
    """Keep the status 502 of a failed function unless the gateway response has a status of its own."""
    status, headers, body = respond(error, request)
    return 502 if isinstance(error, _FunctionFailedError) and status == 500 else status, headers, body


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


@replaces(apigateway_v1, "_create_domain_name")
def require_certificate(create: Function, data: dict[str, Any]) -> Any:
    """Refuse a name that exists, or whose certificate is not issued, in another region, or for another name.

    MiniStack accepts any. Source: API Gateway Developer Guide, "Set up a Regional custom domain name".
    """
    name, certificate = data["domainName"], acm._get_local_certificate(data.get("regionalCertificateArn", ""))
    if name in apigateway_v1._domain_names:
        return apigateway_v1._v1_error("BadRequestException", "The domain name you provided already exists.", 400)
    if certificate is None or certificate["Status"] != "ISSUED":
        return apigateway_v1._v1_error("BadRequestException", "The provided certificate is not issued here.", 400)
    if name not in certificate["SubjectAlternativeNames"]:
        text = "The domain name to be created is not covered by the provided certificate."
        return apigateway_v1._v1_error("BadRequestException", text, 400)
    response = create(data)
    # Terraform would take an empty block for a setting, and remove it on every apply.
    if "mutualTlsAuthentication" not in data:
        del apigateway_v1._domain_names[name]["mutualTlsAuthentication"]
    return response


@replaces(apigateway_v1, "_create_base_path_mapping")
def require_stage(create: Function, domain_name: str, data: dict[str, Any]) -> Any:
    """Refuse a mapping to a stage that does not exist, and take an empty base path for none.

    MiniStack accepts the first, and does not find the second again. Source: API Gateway API Reference,
    CreateBasePathMapping.
    """
    if data.get("stage") not in apigateway_v1._stages_v1.get(data.get("restApiId", ""), {}):
        return apigateway_v1._v1_error("BadRequestException", "Invalid stage identifier specified", 400)
    return create(domain_name, data | {"basePath": data.get("basePath") or "(none)"})


@replaces(apigateway_v1, "find_domain_scope")
def find_domain_in_any_account(_: Function, host: str) -> tuple[str, str, str] | None:
    """Find account and region of a request by its name, or by the target that the name's record leads to.

    MiniStack looks in the default account only. AWS knows the region of a name by the address that DNS returned;
    the engine has one address, so a client that resolved the name sends the target as the host.
    """
    for key, record in apigateway_v1._domain_names.all_items():
        if host in (key[2].lower(), record["regionalDomainName"].lower()):
            account, region, name = key
            return account, region, name
    return None


@replaces(gateway, "app")
async def serve_names_first(serve: Function, scope: dict[str, Any], *channels: Function) -> None:
    """Serve every path of an API's own name; MiniStack takes `/health` for a request about itself.

    Source: API Gateway Developer Guide, "Use API mappings": the name's mapping decides about the whole path.
    """
    host = dict(scope.get("headers", [])).get(b"host", b"").decode("latin-1").partition(":")[0].lower()
    if mapped := scope["type"] == "http" and apigateway_v1.resolve_base_path_mapping(host, scope["path"]):
        path = "/_aws/execute-api/{}/{}{}".format(*mapped)
        scope = scope | {"path": path, "raw_path": path.encode()}
    await serve(scope, *channels)
