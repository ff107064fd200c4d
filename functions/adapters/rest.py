"""Between API Gateway and an endpoint: caller, parameters, body, response, and errors as problem details."""

import base64
import json
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from email.message import Message
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from common.correlation import CORRELATION_HEADER
from common.errors import FieldError, InvalidFieldsError, RefusedError
from common.field_types import Identifier, format_timestamp
from common.observability import correlation_id, count_failed_call, logger, metrics
from common.order import Caller, Order
from common.settings import settings
from functions import freeze_startup_objects
from functions.adapters.problem_details import ProblemError, from_refusal, invalid_fields

MAX_BODY_BYTES = 256 * 1024
ADMIN_GROUP = "admin"
# Beyond those that the Fetch Standard always exposes to a page. terraform/modules/api_gateway has them too.
EXPOSED_HEADERS = f"ETag,Location,Retry-After,{CORRELATION_HEADER}"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UTF_8 = ("utf-8", "utf8")
_TOKEN = re.compile(r"(?i:bearer +)?[\w-]+\.([\w-]+)\.[\w-]+", re.ASCII)
_BARE_KEY = re.compile(r"[\x21\x23-\x7e][\x21-\x7e]*")
# RFC 9651, 3.3.3.
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_MAX_KEY_LENGTH = 255
# RFC 9110, 5.6.1.2, 8.8.3 and 13.1.1: entity tags, separated by commas; empty elements are ignored.
_TAG = r'(W/)?"([\x21\x23-\x7e]*)"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
ANY_VERSION = range(1, 10**9)

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


class Request:
    """A request that API Gateway has accepted: the event of a Lambda proxy integration, and Lambda's context."""

    def __init__(self, event: dict[str, Any], context: LambdaContext) -> None:
        self._event = event
        self.context = context

    @property
    def route(self) -> str:
        """Method and path as API Gateway has them, such as `GET /v1.0/orders/{orderId}`."""
        return f"{self._event['httpMethod']} {self._event.get('resource', '')}"

    @property
    def claims(self) -> Mapping[str, str]:
        """The claims of the verified token."""
        return self._event["requestContext"]["authorizer"].get("claims") or {}

    @property
    def path(self) -> Mapping[str, str]:
        """The path parameters by name."""
        return self._event["pathParameters"] or {}

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters by name; the last value of one that is repeated."""
        return self._event["queryStringParameters"] or {}

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case; values of a repeated one are joined (RFC 9110, 5.3)."""
        headers = self._event.get("multiValueHeaders") or {}
        values = [value for key, given in headers.items() if key.lower() == name for value in given]
        return ", ".join(values) if values else None

    def text(self) -> str:
        """The body, empty if there is none; ValueError if it is not text."""
        body: str = self._event["body"] or ""
        return base64.b64decode(body).decode() if self._event.get("isBase64Encoded") else body


@dataclass(frozen=True)
class Response:
    """A response with a JSON body, or without a body if that is None."""

    status: HTTPStatus
    body: object
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def encode(self) -> dict[str, Any]:
        """The response as API Gateway expects it from a Lambda proxy integration."""
        always = {"Content-Type": self.content_type, "Cache-Control": "no-store", CORRELATION_HEADER: correlation_id()}
        return {
            "statusCode": self.status.value,
            "body": "" if self.body is None else to_json(self.body),
            "isBase64Encoded": False,
            "multiValueHeaders": {name: [value] for name, value in (always | self.headers).items()},
        }


def to_json(content: object) -> str:
    """The JSON of models or of plain values with models in them. Amounts are text, so that they stay exact."""
    return json.dumps(content, default=_encode)


def _encode(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.dict(by_alias=True, exclude_none=True)
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


Endpoint = Callable[[Request], Response]


def caller(request: Request) -> Caller:
    """The caller of a request; ProblemError 403 if the token has no tenant, as an access token."""
    tenant_id = request.claims.get("custom:tenantId", "")
    if not Identifier.regex.fullmatch(tenant_id):
        raise ProblemError(HTTPStatus.FORBIDDEN, "The token has no tenant. Use the ID token of a user who has one.")
    # Decode the token of those only who may be administrators.
    is_admin = ADMIN_GROUP in request.claims.get("cognito:groups", "") and ADMIN_GROUP in _groups(request)
    return Caller(subject=request.claims.get("sub", ""), tenant_id=tenant_id, is_admin=is_admin)


def _groups(request: Request) -> list[str]:
    """The groups in the token, whose signature API Gateway has verified.

    Its claim `cognito:groups` is text: the groups `support` and `admin` look like one group `support,admin`.
    """
    # Two tokens are joined by a comma, which none has.
    token = _TOKEN.fullmatch(request.header("authorization") or "")
    claims = json.loads(base64.urlsafe_b64decode(f"{token[1]}==")) if token else {}
    groups: list[str] = claims.get("cognito:groups", [])
    return groups


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_body[M: BaseModel](request: Request, model: type[M]) -> M:
    """Parse the JSON body of a request as a model.

    Raises:
        ProblemError: 415 if it is not declared as JSON in UTF-8, 413 above 256 KB, 400 if it is not a JSON object.
        InvalidFieldsError: fields do not match the model.
    """
    declared = Message()
    declared["Content-Type"] = request.header("content-type") or "application/json"
    if declared.get_content_type() != "application/json" or declared.get_content_charset("utf-8") not in _UTF_8:
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json in UTF-8.")
    try:
        text = request.text()
        size = len(text.encode())
        if size > MAX_BODY_BYTES:
            detail = f"The body has {size} bytes; the limit is {MAX_BODY_BYTES}."
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        content = json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from None
    if not isinstance(content, dict):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
    try:
        return model.parse_obj(content)
    except ValidationError as error:
        raise invalid_fields(error) from None


def _invalid(field: str, detail: str) -> InvalidFieldsError:
    return InvalidFieldsError([FieldError(field, detail)])


def parse_order_id(request: Request) -> UUID:
    """Parse the order id in the path; InvalidFieldsError if it is not a UUID."""
    text = request.path["orderId"]
    # UUID() would also accept braces, a "urn:" prefix, and digits of other scripts.
    if not _UUID.fullmatch(text):
        raise _invalid("orderId", "must be a UUID")
    return UUID(text)


def parse_tenant_id(request: Request) -> str:
    """Read the tenant's id in the path; InvalidFieldsError if it is malformed: DynamoDB refuses long keys."""
    text = request.path["tenantId"]
    if not Identifier.regex.fullmatch(text):
        raise _invalid("tenantId", f"must be {Identifier.rule}")
    return text


def parse_idempotency_key(request: Request) -> str | None:
    """Read the header Idempotency-Key; None if there is none, InvalidFieldsError if it is malformed.

    It is a string as in RFC 9651 (draft-ietf-httpapi-idempotency-key-header, 2.1). Many clients leave out its quotes,
    so `abc` and `"abc"` are one key.
    """
    given = request.header("idempotency-key")
    if given is None:
        return None
    quoted, bare = _STRING.fullmatch(given), _BARE_KEY.fullmatch(given)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given
    if not (quoted or bare) or not 1 <= len(key) <= _MAX_KEY_LENGTH:
        raise _invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters, with or without quotes")
    return key


def parse_if_match(request: Request) -> Container[int]:
    """Parse the header If-Match: the versions of the order that the caller accepts.

    Weak tags never match (RFC 9110, 13.1.1), and strong tags that no version has are left out.

    Raises:
        ProblemError: 428 if the header is missing, 412 if it has weak tags only.
        InvalidFieldsError: it is neither a list of entity tags nor `*`.
    """
    given = request.header("if-match")
    if given is None:
        raise ProblemError(HTTPStatus.PRECONDITION_REQUIRED, "If-Match is required. Send the ETag from GET.")
    if given.strip() == "*":
        return ANY_VERSION
    if not _TAGS.fullmatch(given.strip()):
        raise _invalid("If-Match", 'must be the ETag from GET of this order, such as "1", a list of ETags, or *')
    strong = [tag for weak, tag in re.findall(_TAG, given) if not weak]
    if not strong:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, "A weak ETag never matches. Send the ETag from GET.")
    return {int(tag) for tag in strong if _VERSION.fullmatch(tag)}


def etag(order: Order) -> str:
    """The strong entity tag of an order's version (RFC 9110, 8.8.3)."""
    return f'"{order.version}"'


def _cors_headers(request: Request) -> dict[str, list[str]]:
    """The headers that let pages of the configured origins read a response; none if no origin is configured."""
    if not settings.cors_origin_pattern:
        return {}
    origin = request.header("origin")
    if origin is None or not re.fullmatch(settings.cors_origin_pattern, origin):
        return {"Vary": ["Origin"]}
    allowed = {"Access-Control-Allow-Origin": [origin], "Access-Control-Expose-Headers": [EXPOSED_HEADERS]}
    return {"Vary": ["Origin"], **allowed}


def _respond(endpoints: Mapping[str, Endpoint], request: Request) -> dict[str, Any]:
    """Call the endpoint of a request's route; every error becomes a response with problem details."""
    try:
        if request.route not in endpoints:
            raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such route.")
        return endpoints[request.route](request).encode()
    except ProblemError as error:
        problem = error
    except RefusedError as error:
        problem = from_refusal(error)
    except Exception as error:
        logger.exception("request failed", error_type=type(error).__name__)
        count_failed_call(request.context.function_name, request.context.function_version)
        detail = f"Unexpected error. Quote the correlation id {correlation_id()} to support."
        problem = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
    return Response(problem.status, problem.body(), problem.headers, "application/problem+json").encode()


def rest_handler(endpoints: Mapping[str, Endpoint]) -> Handler:
    """Make the Lambda handler of endpoints, with logs, metrics and the correlation id of the request.

    They are keyed by their routes in API Gateway, such as `GET /v1.0/orders/{orderId}`; any other route gets 404.
    """

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        request = Request(event, context)
        given = request.header(CORRELATION_HEADER.lower()) or ""
        valid = _CORRELATION_ID.fullmatch(given)
        logger.set_correlation_id(given if valid else event["requestContext"]["requestId"])
        response = _respond(endpoints, request)
        response["multiValueHeaders"] |= _cors_headers(request)
        return response

    freeze_startup_objects()
    wrapped: Handler = handler
    return wrapped
