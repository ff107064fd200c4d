"""The API: authorization, the event of the function, and the response when the function fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from localstack import seed
from tests.conformance.engines import Clients, Engine
from tests.conformance.resources import ALIAS, Resources, unique
from tooling.polling import poll

pytestmark = pytest.mark.needs("API calls")

# Password of a user that exists only during a test.
PASSWORD = "Conformance-Passw0rd!"  # pragma: allowlist secret
_DEPLOYED_SECONDS = 60
# Responds with its event.
ECHO = """
import json

def handler(event, context):
    return {"statusCode": 200, "headers": {"X-Echo": "1"}, "body": json.dumps(event)}
"""
# Responds with as many letters as the request says.
LARGE = """
def handler(event, context):
    return {"statusCode": 200, "body": "a" * int(event["queryStringParameters"]["letters"])}
"""
REFUSED = '{"title": "Unauthorized", "status": 401}'


class Api:
    """A REST API with one level of routes.

    Args:
        engine: Engine that gets the API.
        aws: Clients with all permissions.
        make: Creates the other resources.
    """

    def __init__(self, engine: Engine, aws: Clients, make: Resources) -> None:
        self._client, self._aws, self._make, self._engine = aws("apigateway"), aws, make, engine
        self.id = self._client.create_rest_api(name=unique(), endpointConfiguration={"types": ["REGIONAL"]})["id"]
        make.at_end(self._client.delete_rest_api, restApiId=self.id)
        self._root = self._client.get_resources(restApiId=self.id)["items"][0]["id"]

    def resource(self, part: str) -> str:
        """Create a resource below the root and return its id."""
        made: str = self._client.create_resource(restApiId=self.id, parentId=self._root, pathPart=part)["id"]
        return made

    def mock(self, part: str, authorizer: str | None = None) -> None:
        """Create a route with a mock integration."""
        at = {"restApiId": self.id, "resourceId": self.resource(part), "httpMethod": "GET"}
        self._method(at, authorizer)
        self._client.put_integration(
            **at,
            type="MOCK",
            passthroughBehavior="NEVER",
            requestTemplates={"application/json": '{"statusCode": 200}'},
        )
        self._client.put_method_response(**at, statusCode="200")
        response = {"application/json": '{"status": "ok"}'}
        self._client.put_integration_response(**at, statusCode="200", responseTemplates=response)

    def lambda_route(self, part: str, source: str, authorizer: str | None = None) -> None:
        """Create a route with a function."""
        function = self._make.function(source)
        at = {"restApiId": self.id, "resourceId": self.resource(part), "httpMethod": "GET"}
        self._method(at, authorizer)
        alias = self._make.arn("lambda", f"function:{function}:{ALIAS}")
        uri = f"arn:aws:apigateway:{self._engine.region}:lambda:path/2015-03-31/functions/{alias}/invocations"
        self._client.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        self._aws("lambda").add_permission(
            FunctionName=function,
            Qualifier=ALIAS,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=self._make.arn("execute-api", f"{self.id}/*"),
        )

    def _method(self, at: dict[str, str], authorizer: str | None) -> None:
        kind = {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": authorizer} if authorizer else {}
        self._client.put_method(**at, **(kind or {"authorizationType": "NONE"}))

    def authorizer(self, pool_id: str) -> str:
        """Create an authorizer for the tokens of a user pool and return its id."""
        made: str = self._client.create_authorizer(
            restApiId=self.id,
            name="users",
            type="COGNITO_USER_POOLS",
            providerARNs=[self._make.arn("cognito-idp", f"userpool/{pool_id}")],
            identitySource="method.request.header.Authorization",
        )["id"]
        return made

    def refuse_with(self, response_type: str, body: str) -> None:
        """Set the body of a gateway response."""
        self._client.put_gateway_response(
            restApiId=self.id,
            responseType=response_type,
            responseParameters={"gatewayresponse.header.Content-Type": "'application/problem+json'"},
            responseTemplates={"application/json": body},
        )

    def deploy(self) -> None:
        """Deploy the API."""
        self._client.create_deployment(restApiId=self.id, stageName="test")

    def get(self, part: str, token: str | None = None, **headers: str) -> requests.Response:
        """Request a route as soon as the deployment is active."""
        if token is not None:
            headers["Authorization"] = token
        url = f"{self._engine.api_url(self.id, 'test')}/{part}"

        def attempt() -> requests.Response | None:
            response = requests.get(url, headers=headers, timeout=30)
            unknown = response.status_code in (403, 404) and part not in ("none",) and "Forbidden" in response.text
            return None if unknown else response

        return poll(f"{url} is deployed", attempt, _DEPLOYED_SECONDS)


@pytest.fixture
def api(engine: Engine, aws: Clients, make: Resources) -> Api:
    """An API."""
    return Api(engine, aws, make)


def user(engine: Engine, aws: Clients, make: Resources) -> tuple[str, dict[str, str]]:
    """Create a user pool; returns its id and the tokens of a user who is an admin of tenant-a."""
    email = f"{unique()}@example.com"
    if engine.issuer:
        pool = f"{engine.region}_{unique('')}"
        return pool, engine.issuer.sign_in(email, "tenant-a", "admin", pool)
    pool, client = make.pool()
    cognito = aws("cognito-idp")
    seed.add_user(cognito, pool, email, PASSWORD, "tenant-a", "admin")
    return pool, seed.sign_in(cognito, pool, client, email, PASSWORD)


def test_mock_integration_responds(api: Api) -> None:
    """A mock integration responds with its template, without a function.

    Source: API Gateway Developer Guide, "Mock integrations for REST APIs in API Gateway"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html>
    """
    api.mock("health")
    api.deploy()
    response = api.get("health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_mock_with_other_content_type_is_refused(api: Api) -> None:
    """A mock integration with passthrough NEVER refuses a content type without a template with 415.

    Source: API Gateway Developer Guide, "Integration passthrough behaviors"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html>
    """
    api.mock("health")
    api.deploy()
    assert api.get("health", **{"Content-Type": "text/csv"}).status_code == 415


def test_unknown_route_is_refused(api: Api) -> None:
    """A request to an unknown route is refused with 403 Missing Authentication Token.

    Source: API Gateway Developer Guide, "Gateway response types", MISSING_AUTHENTICATION_TOKEN
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>
    """
    api.mock("health")
    api.deploy()
    response = api.get("none")
    assert (response.status_code, response.json()) == (403, {"message": "Missing Authentication Token"})


def test_unknown_route_with_token_is_refused(api: Api) -> None:
    """A token on an unknown route is read as a signature, which is refused with 403 IncompleteSignatureException.

    Source: API Gateway Developer Guide, "Gateway response types", DEFAULT_4XX and INVALID_SIGNATURE
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>
    """
    api.mock("health")
    api.deploy()
    response = api.get("none", "Bearer a.b.c")
    assert (response.status_code, response.headers["x-amzn-ErrorType"]) == (403, "IncompleteSignatureException")


def test_each_response_has_a_request_id(api: Api) -> None:
    """Each response has its own x-amzn-RequestId.

    Source: API Gateway Developer Guide, "Variables for data transformations", requestId
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>
    """
    api.mock("health")
    api.deploy()
    first, second = (api.get("health").headers["x-amzn-RequestId"] for _ in range(2))
    assert first != second


@pytest.mark.needs("tokens")
@pytest.mark.parametrize("kind", ["none", "empty", "not a token", "altered", "access token"])
def test_request_without_id_token_is_refused(
    engine: Engine, aws: Clients, make: Resources, api: Api, kind: str
) -> None:
    """A request without a token, with an altered token or with another kind of token is refused with 401 Unauthorized.

    Source: API Gateway Developer Guide, "Control access to REST APIs using Amazon Cognito user pools as an authorizer"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>
    """
    pool, tokens = user(engine, aws, make)
    good = tokens["IdToken"]
    api.mock("orders", api.authorizer(pool))
    api.deploy()
    middle = len(good.split(".")[0]) + 20
    altered = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    bad = {"none": None, "empty": "", "not a token": "abc", "altered": altered, "access token": tokens["AccessToken"]}
    response = api.get("orders", bad[kind])
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.needs("tokens")
def test_request_with_id_token_is_allowed(engine: Engine, aws: Clients, make: Resources, api: Api) -> None:
    """A request with an ID token, with or without Bearer, reaches the route.

    Source: API Gateway Developer Guide, "Control access to REST APIs using Amazon Cognito user pools as an authorizer"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>
    """
    pool, tokens = user(engine, aws, make)
    api.mock("orders", api.authorizer(pool))
    api.deploy()
    assert api.get("orders", tokens["IdToken"]).status_code == 200
    assert api.get("orders", f"Bearer {tokens['IdToken']}").status_code == 200


@pytest.mark.needs("tokens")
def test_token_of_another_pool_is_refused(engine: Engine, aws: Clients, make: Resources, api: Api) -> None:
    """A token of another user pool of the account is refused with 401.

    Source: API Gateway Developer Guide, "Control access to REST APIs using Amazon Cognito user pools as an authorizer"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>
    """
    pool, _ = user(engine, aws, make)
    _, foreign = user(engine, aws, make)
    api.mock("orders", api.authorizer(pool))
    api.deploy()
    assert api.get("orders", foreign["IdToken"]).status_code == 401


@pytest.mark.needs("tokens")
def test_refusal_has_the_configured_body(engine: Engine, aws: Clients, make: Resources, api: Api) -> None:
    """A refusal has the body and content type that the API's gateway response configures.

    Source: API Gateway Developer Guide, "Gateway responses for REST APIs in API Gateway"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>
    """
    pool, _ = user(engine, aws, make)
    api.mock("orders", api.authorizer(pool))
    api.refuse_with("UNAUTHORIZED", REFUSED)
    api.deploy()
    response = api.get("orders")
    assert (response.status_code, response.json()) == (401, json.loads(REFUSED))
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.needs("tokens", "invocations")
def test_function_gets_the_claims(engine: Engine, aws: Clients, make: Resources, api: Api) -> None:
    """The function gets the token's claims as strings in requestContext.authorizer.claims.

    Source: API Gateway Developer Guide, "Control access to REST APIs using Amazon Cognito user pools as an authorizer"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>
    """
    pool, tokens = user(engine, aws, make)
    api.lambda_route("orders", ECHO, api.authorizer(pool))
    api.deploy()
    claims = api.get("orders", tokens["IdToken"]).json()["requestContext"]["authorizer"]["claims"]
    assert (claims["custom:tenantId"], claims["token_use"]) == ("tenant-a", "id")
    assert claims["cognito:groups"] == "admin"
    assert all(isinstance(value, str) for value in claims.values())


@pytest.mark.needs("invocations")
def test_function_gets_the_request(api: Api) -> None:
    """The function gets method, path, query, headers and request id in a proxy event.

    Source: API Gateway Developer Guide, "Lambda proxy integrations in API Gateway", input format
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
    """
    api.lambda_route("orders", ECHO)
    api.deploy()
    response = api.get("orders?pageSize=2", **{"X-Correlation-Id": "abc"})
    event: dict[str, Any] = response.json()
    assert (event["httpMethod"], event["resource"], event["body"]) == ("GET", "/orders", None)
    assert event["queryStringParameters"] == {"pageSize": "2"}
    # Header names are case-insensitive (RFC 9110, 5.1).
    assert {name.lower(): value for name, value in event["headers"].items()}["x-correlation-id"] == "abc"
    assert event["requestContext"]["stage"] == "test"
    assert event["requestContext"]["requestId"]
    assert response.headers["X-Echo"] == "1"


@pytest.mark.needs("invocations")
@pytest.mark.parametrize(
    "source",
    ["def handler(event, context):\n    raise ValueError\n", "def handler(event, context):\n    return 'text'\n"],
    ids=["raises", "returns no response"],
)
def test_failing_function_is_a_bad_gateway(api: Api, source: str) -> None:
    """A function that raises, or returns something other than a response, gives 502 Internal server error.

    Source: API Gateway Developer Guide, "Handle Lambda errors in API Gateway"
    <https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html>
    """
    api.lambda_route("orders", source)
    api.deploy()
    response = api.get("orders")
    assert (response.status_code, response.json()) == (502, {"message": "Internal server error"})


@pytest.mark.needs("invocations")
def test_large_response_is_a_bad_gateway(api: Api) -> None:
    """A function's response above 6 MB (6,291,556 bytes) gives 502 Internal server error.

    Source: Lambda Developer Guide, "Lambda quotas", invocation payload
    <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    """
    api.lambda_route("orders", LARGE)
    api.deploy()
    # Of the function's response, 31 bytes are not the body.
    largest = api.get("orders?letters=6291525")
    assert (largest.status_code, len(largest.content)) == (200, 6_291_525)
    response = api.get("orders?letters=6291526")
    assert (response.status_code, response.json()) == (502, {"message": "Internal server error"})
