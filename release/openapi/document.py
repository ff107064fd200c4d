"""Builds the OpenAPI 3.1 document: paths, parameters and responses.

Routes are read from Terraform, schemas and limits from the code. The descriptions are written here.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, NamedTuple

from common.correlation import CORRELATION_HEADER
from common.field_types import TIMESTAMP, Identifier
from common.repository import MAX_PAGE_SIZE
from common.status import PAYMENT_STATUSES, OrderStatus, can_transition
from functions.adapters.rest import MAX_BODY_BYTES
from functions.list_orders.query import DEFAULT_PAGE_SIZE
from release.openapi import examples
from release.openapi.schemas import PAGE_TOKEN, ref, schemas
from tooling.paths import ROOT

Json = dict[str, Any]

_ROUTE = re.compile(r'^ +(\w+) += \{ function = "(\w+)", method = "([A-Z]+)", path = "([^"]+)" \}$', re.MULTILINE)


class Route(NamedTuple):
    """A route of API Gateway, and the folder of the function that it calls."""

    function: str
    method: str
    path: str


def routes() -> dict[str, Route]:
    """The routes that need a token, by operation (terraform/locals.tf)."""
    found = _ROUTE.findall((ROOT / "terraform" / "locals.tf").read_text())
    return {operation: Route(*route) for operation, *route in found}


def _string(pattern: str) -> Json:
    return {"type": "string", "pattern": pattern}


def _parameter(place: str, name: str, schema: Json, description: str, example: str | None = None) -> Json:
    """A parameter; it is required if it has an example."""
    required = {"required": example is not None, "schema": schema} | ({"example": example} if example else {})
    return {"name": name, "in": place, "description": description} | required


_VERSION = _string('^"[0-9]{1,9}"$')
_IF_MATCH = _string('^(\\*|"[!#-~]*"( *, *"[!#-~]*")*)$')
_KEY = _string(r'^("[!#-\[\]-~]{1,255}"|[!#-~][!-~]{0,254})$')
_TIMESTAMP = {"type": "string", "format": "date-time", "pattern": f"^{TIMESTAMP.pattern}$"}
_UUID = {"type": "string", "format": "uuid"}
_TENANT = _string(Identifier.regex.pattern.replace(r"\Z", "$"))
_STATUS = {"type": "string", "enum": [*map(str, OrderStatus)]}
_PAGE_SIZE = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE}
_PARAMETERS = {
    "OrderId": _parameter("path", "orderId", _UUID, "Id of the order.", examples.ORDER_ID),
    "TenantId": _parameter("path", "tenantId", _TENANT, "The caller's tenant; any for admins.", examples.TENANT_ID),
    "PageSize": _parameter("query", "pageSize", _PAGE_SIZE, "Maximum number of orders in the page."),
    "StartAt": _parameter("query", "startAt", PAGE_TOKEN, "`startAt` of the previous page, with the same filters."),
    "Status": _parameter("query", "status", _STATUS, "Only orders in this status."),
    "DateFrom": _parameter("query", "dateFrom", _TIMESTAMP, "Only orders created at this time or later."),
    "DateTo": _parameter("query", "dateTo", _TIMESTAMP, "Only orders created at this time or earlier."),
    "IdempotencyKey": _parameter(
        "header",
        "Idempotency-Key",
        _KEY,
        "Repeated requests with the same key and body place one order. A key expires after 24 hours. With or without "
        "quotes (RFC 9651) it is the same key.",
    ),
    "IfMatch": _parameter(
        "header",
        "If-Match",
        _IF_MATCH,
        "The ETag from GET of this order, a list of ETags, or `*` for any version (RFC 9110). If the order has none of "
        "these versions, the response is 409. A weak ETag never matches; if all are weak, the response is 412.",
        '"1"',
    ),
    "CorrelationId": _parameter(
        "header",
        CORRELATION_HEADER,
        {"type": "string"},
        "Id of the request in messages, logs and mails. Replaced if it is not 1 to 64 letters, digits, dots, - or _.",
    ),
}


def _header(description: str, schema: Json) -> Json:
    return {"description": description, "required": True, "schema": schema}


_HEADERS = {
    CORRELATION_HEADER: _header("Id of the request.", _string("^[A-Za-z0-9._-]{1,64}$")),
    "Cache-Control": _header("Responses must not be cached.", {"const": "no-store"}),
}
_ETAG = {"ETag": _header("The order's version, for If-Match.", _VERSION)}
_INVOICE = {
    "Location": _header(
        "URL of the PDF. It needs no token and expires after five minutes.", {"type": "string", "format": "uri"}
    ),
}
_LOCATION = {"Location": _header("Path of the order, relative to the request.", _string("^orders/[0-9a-f-]{36}$"))}
_RETRY_AFTER = {"Retry-After": _header("Seconds to wait before a retry.", {"type": "integer", "minimum": 1})}

_PROBLEMS: dict[int, str] = {
    400: "The body is not a JSON object, or fields of the request are invalid; then `errors` names each of them.",
    401: "The token is missing, expired, altered or from another user pool.",
    403: "The token has no tenant, or the orders are another tenant's.",
    404: "There is no such order of the caller's tenant, no invoice of a rejected order, or no such route.",
    409: "The order has changed, does not allow this change, or is not recorded or invoiced yet. "
    "On POST: a request with this Idempotency-Key is still being handled.",
    412: "If-Match has weak ETags only, which never match.",
    413: f"The body is larger than {MAX_BODY_BYTES} bytes.",
    415: "The body is not declared as application/json in UTF-8.",
    422: "The Idempotency-Key was used with another body.",
    428: "If-Match is missing.",
    429: "Too many requests.",
    500: "Unexpected error. Quote the correlation id to support.",
    502: "The service failed or did not respond.",
    504: "The service did not respond in time.",
}
# API Gateway can respond with these on every route, whatever the function does.
_ANY_ROUTE = (429, 500, 502, 504)


def _problem(status: int) -> Json:
    properties = {"status": {"const": status}, "title": {"const": HTTPStatus(status).phrase}}
    content: Json = {"schema": {**ref("Problem"), "properties": properties}}
    if status == HTTPStatus.BAD_REQUEST:
        content["example"] = examples.PROBLEM
    # Not required: API Gateway's own responses have none of these.
    headers = _HEADERS | (_RETRY_AFTER if status in (409, 429) else {})
    optional = {name: {**header, "required": False} for name, header in headers.items()}
    return {"description": _PROBLEMS[status], "headers": optional, "content": {"application/problem+json": content}}


def _json(schema: str, example: Json) -> Json:
    return {"application/json": {"schema": ref(schema), "example": example}}


def _response(description: str, content: Json, headers: Json, **links: Json) -> Json:
    return {"description": description, "headers": _HEADERS | headers, "content": content, "links": links}


def _redirect(description: str, headers: Json) -> Json:
    return {"description": description, "headers": _HEADERS | headers}


def _link(operation: str, description: str, **parameters: str) -> Json:
    return {"operationId": operation, "description": description, "parameters": parameters}


def _responses(success: dict[int, Json], problems: tuple[int, ...]) -> Json:
    refused = {each: {"$ref": f"#/components/responses/Problem{each}"} for each in (*problems, *_ANY_ROUTE)}
    return {str(status): response for status, response in sorted((success | refused).items())}


def _operation(
    summary: str, description: str, parameters: tuple[str, ...], responses: Json, body: Json | None = None
) -> Json:
    return {
        "summary": summary,
        "description": description,
        "tags": ["orders"],
        "security": [{"idToken": []}],
        "parameters": [{"$ref": f"#/components/parameters/{each}"} for each in (*parameters, "CorrelationId")],
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": responses,
    }


def _transitions() -> str:
    """The changes of status that an order allows."""
    allowed = {current: [new for new in OrderStatus if can_transition(current, new)] for current in OrderStatus}
    return "; ".join(f"{current} → {', '.join(new)}" for current, new in allowed.items() if new)


def _operations() -> dict[str, Json]:
    """The operations by their id, which is that of the route (terraform/locals.tf)."""
    by_path, by_etag = {"path.orderId": "$request.path.orderId"}, {"header.If-Match": "$response.header.ETag"}
    placed = _link("get_order", "Read the order, once it is recorded.", **{"path.orderId": "$response.body#/orderId"})
    read = _link("get_order", "Read the order.", **by_path)
    change = _link("update_order", "Change the order.", **by_path, **by_etag)
    listed = _link("list_orders", "List the orders of its tenant.", **{"path.tenantId": "$response.body#/tenantId"})
    first = _link("get_order", "Read the first order.", **{"path.orderId": "$response.body#/items/0/id"})
    next_page = _link(
        "list_orders",
        "Read the next page, with the same filters.",
        **{"path.tenantId": "$request.path.tenantId", "query.startAt": "$response.body#/startAt"},
    )
    accepted = _response("The order is accepted.", _json("OrderAccepted", examples.ACCEPTED), _LOCATION, order=placed)
    invoice = _link("get_invoice", "Download the invoice, once it is ready.", **by_path)
    pending = _response(
        "The order is accepted and not recorded yet. Read it again.",
        _json("OrderPending", examples.PENDING),
        _RETRY_AFTER,
        order=read,
    )
    order = _response("The order.", _json("Order", examples.ORDER), _ETAG, change=change, list=listed, invoice=invoice)
    changed = _response(
        "The changed order.", _json("Order", examples.PAID_ORDER), _ETAG, order=read, change=change, list=listed
    )
    page = _response("A page of orders.", _json("OrderPage", examples.PAGE), {}, first=first, next=next_page)
    return {
        "create_order": _operation(
            "Place an order.",
            "It is accepted at once, and soon recorded, or rejected if its cart can't be ordered.",
            ("IdempotencyKey",),
            _responses({202: accepted}, (400, 401, 403, 409, 413, 415, 422)),
            _json("OrderRequest", examples.ORDER_REQUEST),
        ),
        "get_order": _operation(
            "Read an order.",
            "Until it is recorded, the response is 202.",
            ("OrderId",),
            _responses({200: order, 202: pending}, (400, 401, 403, 404)),
        ),
        "get_invoice": _operation(
            "Download an order's invoice as PDF.",
            "Until it is ready, the response is 409 with `Retry-After`. A rejected order has no invoice: 404.",
            ("OrderId",),
            _responses({302: _redirect("The invoice is at `Location`.", _INVOICE)}, (400, 401, 403, 404, 409)),
        ),
        "update_order": _operation(
            "Change an order.",
            "It changes the status, the payment details or both, in the version that If-Match names. "
            f"Allowed: {_transitions()}. Payment details are accepted only if the order is and stays "
            f"{' or '.join(PAYMENT_STATUSES)}. If you get no response, send the same request again: a change that was "
            "already made gets the same response, and its mail is sent once.",
            ("OrderId", "IfMatch"),
            _responses({200: changed}, (400, 401, 403, 404, 409, 412, 413, 415, 428)),
            _json("OrderUpdate", examples.ORDER_UPDATE),
        ),
        "list_orders": _operation(
            "List a tenant's orders.",
            "The newest come first, in pages.",
            ("TenantId", "PageSize", "StartAt", "Status", "DateFrom", "DateTo"),
            # 404: a tenant id that is empty or contains a slash makes another route.
            _responses({200: page}, (400, 401, 403, 404)),
        ),
    }


def document() -> Json:
    """The whole document."""
    operations, paths = _operations(), dict[str, Json]()
    for operation, route in routes().items():
        paths.setdefault(route.path, {})[route.method.lower()] = {"operationId": operation, **operations[operation]}
    healthy = {"description": "The API is up.", "content": _json("Health", {"status": "ok"})}
    health = {"operationId": "health", "summary": "Check whether the API is up.", "tags": ["health"], "security": []}
    health["description"] = "Needs no token, and calls no function."
    id_token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Order service",
            "version": "1.0",
            "contact": {"name": "Support", "email": "support@kimmyai.io"},
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Orders of a customer portal. The claim `custom:tenantId` of the ID token is the caller's "
            "tenant. Members of the group `admin` can access all tenants. A method that a path does not have gets 404. "
            "Web pages of the origins that an environment allows can call every route and read the headers ETag, "
            "Location, Retry-After and X-Correlation-Id (CORS).",
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/{environment}",
                "variables": {
                    "api": {"default": "api-id", "description": "Terraform's output `api_id`."},
                    "region": {"default": "af-south-1", "enum": ["af-south-1", "eu-west-1"]},
                    "environment": {"default": "dev", "enum": ["dev", "sit", "prod"]},
                },
            }
        ],
        "tags": [
            {"name": "orders", "description": "Orders of a tenant."},
            {"name": "health", "description": "Whether the API is up."},
        ],
        "paths": paths | {"/health": {"get": health | {"responses": _responses({200: healthy}, (415,))}}},
        "components": {
            "schemas": schemas(),
            "parameters": _PARAMETERS,
            "responses": {f"Problem{status}": _problem(status) for status in _PROBLEMS},
            "securitySchemes": {
                "idToken": {**id_token, "description": "An ID token of the environment's Cognito user pool."}
            },
        },
    }
