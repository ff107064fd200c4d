"""Lambda events of API Gateway and SQS."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from aws_lambda_powertools.utilities.typing import LambdaContext

from release.openapi.document import routes


@dataclass(frozen=True)
class _Context:
    function_name: str = "function"
    function_version: str = "7"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:af-south-1:000000000000:function:function:live"
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def context() -> LambdaContext:
    """Lambda context of a call."""
    return cast("LambdaContext", _Context())


def _resource(method: str, path: str) -> tuple[str, dict[str, str] | None]:
    """Resource and path parameters of a path by Terraform's routes; the path itself and None if no route matches."""
    for route in routes().values():
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path), path)
        if match and route.method == method:
            return route.path, match.groupdict() or None
    return path, None


def _token(claims: dict[str, Any]) -> str:
    """A token with these claims, whose signature nobody checks any more."""
    header, payload = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "RS256"}, claims)
    )
    return f"{header}.{payload}.signature"


def api_event(
    method: str,
    path: str,
    *,
    tenant_id: str | None = "tenant-a",
    groups: Sequence[str] = (),
    body: Any = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Event of a request that API Gateway has authorized; a body that is a string is used as it is."""
    resource, path_parameters = _resource(method, path)
    # API Gateway gives a function the claims as text, and the token.
    claims = {"sub": "user-1", "custom:tenantId": tenant_id, "cognito:groups": ",".join(groups) or None}
    all_headers = {"Authorization": f"Bearer {_token({'sub': 'user-1', 'cognito:groups': groups})}", **(headers or {})}
    return {
        "httpMethod": method,
        "path": path,
        "resource": resource,
        "pathParameters": path_parameters,
        "headers": all_headers,
        "multiValueHeaders": {name: [value] for name, value in all_headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": None,
        "body": body if isinstance(body, str | None) else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": str(uuid4()),
            "authorizer": {"claims": {name: value for name, value in claims.items() if value is not None}},
        },
    }


def sqs_event(queue: str, *messages: dict[str, Any]) -> dict[str, Any]:
    """Event of a batch of messages in the form of `receive_message`."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": {"ApproximateReceiveCount": message["Attributes"]["ApproximateReceiveCount"]},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:af-south-1:000000000000:{queue}",
                "awsRegion": "af-south-1",
            }
            for message in messages
        ]
    }
