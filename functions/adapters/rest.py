"""API Gateway to endpoint and back: caller, body, headers, errors (R5)."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from common.models import Order, iso
from common.observability import correlation_id, logger, metrics
from functions import freeze_startup_objects
from functions.adapters.problem_details import FieldError, ProblemError, from_validation, invalid

MAX_BODY_BYTES = 256 * 1024
ADMIN_GROUP = "admin"
CORRELATION_HEADER = "X-Correlation-Id"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TENANT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


class Request:
    """A request that API Gateway has let through.

    Args:
        event: of a Lambda proxy integration (API Gateway Developer Guide, "Input format of a Lambda function for proxy
            integration").
        context: what Lambda tells of the call.
    """

    def __init__(self, event: dict[str, Any], context: LambdaContext) -> None:
        self._event = event
        self.context = context

    @property
    def route(self) -> tuple[str, str]:
        """Method and path as API Gateway has them, such as `GET` and `/v1.0/orders/{orderId}`."""
        return self._event["httpMethod"], self._event.get("resource", "")

    @property
    def claims(self) -> Mapping[str, str]:
        """What the verified token says."""
        return self._event["requestContext"]["authorizer"].get("claims") or {}

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters in the path, by name."""
        return self._event["pathParameters"] or {}

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters; of one that is there twice, the last."""
        return self._event["queryStringParameters"] or {}

    def header(self, name: str) -> str | None:
        """The value of a header, whose name is given in lower case."""
        return next((value for key, value in (self._event.get("headers") or {}).items() if key.lower() == name), None)

    def text(self) -> str:
        """The body; empty if there is none.

        Raises:
            ValueError: it is no text.
        """
        body: str = self._event["body"] or ""
        return base64.b64decode(body).decode() if self._event.get("isBase64Encoded") else body


@dataclass(frozen=True)
class Response:
    """An answer: its status, its body of a media type, and its headers."""

    status: HTTPStatus
    content_type: str
    body: str
    headers: dict[str, str]

    def encode(self) -> dict[str, Any]:
        """The answer as API Gateway takes it from a Lambda proxy integration."""
        headers = {"Content-Type": self.content_type, **self.headers}
        return {
            "statusCode": self.status.value,
            "body": self.body,
            "isBase64Encoded": False,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
        }


Endpoint = Callable[[Request], Response]


@dataclass(frozen=True)
class Caller:
    """Who calls, from the verified token.

    Args:
        subject: the user's id in Cognito.
        tenant_id: the user's tenant.
        is_admin: whether the user may cross tenants.
    """

    subject: str
    tenant_id: str
    is_admin: bool


def caller(request: Request) -> Caller:
    """The caller of a request.

    Raises:
        ProblemError: 403 if the token names no tenant, as an access token does.
    """
    tenant_id = request.claims.get("custom:tenantId", "")
    if not _TENANT_ID.fullmatch(tenant_id):
        raise ProblemError(HTTPStatus.FORBIDDEN, "The token names no tenant: use the ID token of a user who has one.")
    # API Gateway turns the list into text: comma-separated, and in some cases between brackets.
    groups = re.split(r"[\s,]+", request.claims.get("cognito:groups", "").strip("[]"))
    return Caller(subject=request.claims.get("sub", ""), tenant_id=tenant_id, is_admin=ADMIN_GROUP in groups)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_body[M: BaseModel](request: Request, model: type[M]) -> M:
    """The JSON body of a request as a model.

    Raises:
        ProblemError: 415 if it is not declared as JSON, 413 above 256 KB, 400 if it is not JSON or not the model.
    """
    content_type = (request.header("content-type") or "application/json").split(";")[0].strip().lower()
    if content_type != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
    try:
        text = request.text()
        size = len(text.encode())
        if size > MAX_BODY_BYTES:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has {size} bytes; the limit is {MAX_BODY_BYTES}."
            )
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from None
    if not isinstance(content, dict):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
    try:
        return model.parse_obj(content)
    except ValidationError as error:
        raise from_validation(error) from None


def parse_order_id(text: str) -> UUID:
    """The order id in a path.

    Raises:
        ProblemError: 400 if it is not a UUID.
    """
    # UUID() would also take braces, a urn: before it, and the digits of other scripts.
    if not _UUID.fullmatch(text):
        raise invalid([FieldError("orderId", "must be a UUID")])
    return UUID(text)


def etag(order: Order) -> str:
    """The strong entity tag of an order's version (RFC 9110, 8.8.3)."""
    return f'"{order.version}"'


def json_response(status: HTTPStatus, content: object, headers: dict[str, str] | None = None) -> Response:
    """An answer with a JSON body: a model, or plain values with models in them. Money is text, so it stays exact."""
    body = json.dumps(content, default=_encode)
    return Response(status, "application/json", body, _headers(headers))


def _encode(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.dict(by_alias=True, exclude_none=True)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _headers(more: dict[str, str] | None) -> dict[str, str]:
    return {CORRELATION_HEADER: correlation_id(), "Cache-Control": "no-store", **(more or {})}


def _problem_response(problem: ProblemError) -> Response:
    return Response(problem.status, "application/problem+json", json.dumps(problem.body()), _headers(problem.headers))


def _answer(endpoint: Endpoint, request: Request, route: tuple[str, str]) -> Response:
    """The answer of an endpoint; every error is answered with problem details."""
    try:
        if request.route != route:
            raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such route.")
        return endpoint(request)
    except ProblemError as problem:
        return _problem_response(problem)
    except Exception as error:
        logger.exception("request failed", error_type=type(error).__name__)
        detail = f"Something went wrong; quote {correlation_id()} to support."
        return _problem_response(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail))


def _correlation_id_of(request: Request, otherwise: str) -> str:
    given = request.header(CORRELATION_HEADER.lower()) or ""
    return given if _CORRELATION_ID.fullmatch(given) else otherwise


def rest_handler(method: str, path: str, endpoint: Endpoint) -> Handler:
    """The Lambda handler of an endpoint: logs and metrics around it, the correlation id from the request.

    Args:
        method: of the function's one route.
        path: of it, as API Gateway has it, which chose the function by it; anything else is 404.
        endpoint: answers a request.
    """

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        request = Request(event, context)
        logger.set_correlation_id(_correlation_id_of(request, otherwise=event["requestContext"]["requestId"]))
        return _answer(endpoint, request, (method, path)).encode()

    freeze_startup_objects()
    wrapped: Handler = handler
    return wrapped
