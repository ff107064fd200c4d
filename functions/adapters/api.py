"""API Gateway to handler and back: caller, body, headers, errors (R5)."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from common.models import Order, iso
from common.observability import correlation_id, logger, metrics
from functions.adapters.problems import FieldError, ProblemError, from_validation, invalid

MAX_BODY_BYTES = 256 * 1024
ADMIN_GROUP = "admin"
CORRELATION_HEADER = "X-Correlation-Id"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TENANT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


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


def caller(event: APIGatewayProxyEvent) -> Caller:
    """The caller of a request.

    Raises:
        ProblemError: 403 if the token names no tenant, as an access token does.
    """
    claims: dict[str, str] = event.request_context.authorizer.claims or {}
    tenant_id = claims.get("custom:tenantId", "")
    if not _TENANT_ID.fullmatch(tenant_id):
        raise ProblemError(HTTPStatus.FORBIDDEN, "The token names no tenant: use the ID token of a user who has one.")
    # API Gateway turns the list into text: comma-separated, and in some cases between brackets.
    groups = re.split(r"[\s,]+", claims.get("cognito:groups", "").strip("[]"))
    return Caller(subject=claims.get("sub", ""), tenant_id=tenant_id, is_admin=ADMIN_GROUP in groups)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_body[M: BaseModel](event: APIGatewayProxyEvent, model: type[M]) -> M:
    """The JSON body of a request as a model.

    Raises:
        ProblemError: 415 if it is not declared as JSON, 413 above 256 KB, 400 if it is not JSON or not the model.
    """
    content_type = (event.headers.get("content-type") or "application/json").split(";")[0].strip().lower()
    if content_type != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
    try:
        text = event.decoded_body or ""
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


def json_response(status: HTTPStatus, content: object, headers: dict[str, str] | None = None) -> Response[str]:
    """An answer with a JSON body: a model, or plain values with models in them. Money is text, so it stays exact."""
    body = json.dumps(content, default=_encode)
    return Response(status.value, content_type="application/json", body=body, headers=_headers(headers))


def _encode(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.dict(by_alias=True, exclude_none=True)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _headers(more: dict[str, str] | None) -> dict[str, str | list[str]]:
    return {CORRELATION_HEADER: correlation_id(), "Cache-Control": "no-store", **(more or {})}


def _problem_response(problem: ProblemError) -> Response[str]:
    return Response(
        problem.status.value,
        content_type="application/problem+json",
        body=json.dumps(problem.body()),
        headers=_headers(problem.headers),
    )


def _not_found(_: Exception) -> Response[str]:
    return _problem_response(ProblemError(HTTPStatus.NOT_FOUND, "There is no such route."))


def _unexpected(error: Exception) -> Response[str]:
    logger.exception("request failed", error_type=type(error).__name__)
    return _problem_response(
        ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, f"Something went wrong; quote {correlation_id()} to support.")
    )


def create_app() -> APIGatewayRestResolver:
    """A REST resolver that answers every error with problem details."""
    app = APIGatewayRestResolver()
    app.exception_handler(ProblemError)(_problem_response)
    app.not_found(_not_found)
    app.exception_handler(NotFoundError)(_not_found)
    app.exception_handler(Exception)(_unexpected)
    return app


def _correlation_id_of(event: dict[str, Any]) -> str:
    given = next((v for k, v in (event.get("headers") or {}).items() if k.lower() == CORRELATION_HEADER.lower()), "")
    return given if _CORRELATION_ID.fullmatch(given or "") else str(event["requestContext"]["requestId"])


def lambda_handler(app: APIGatewayRestResolver) -> Handler:
    """The Lambda handler of an app: logs and metrics around it, the correlation id from the request."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        logger.set_correlation_id(_correlation_id_of(event))
        return app.resolve(event, context)

    wrapped: Handler = handler
    return wrapped
