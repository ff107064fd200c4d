"""The paths of the document: what can be asked, and every answer to it.

Routes and the gateway's own answers come from Terraform, requests and answers from the models, limits from the
functions. What an operation is for, and what its statuses mean, is said here.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from common.field_types import TIMESTAMP, Identifier
from common.repository import MAX_PAGE_SIZE
from common.status import OrderStatus
from functions.adapters.rest import CORRELATION_HEADER, MAX_BODY_BYTES
from functions.list_orders.query import DEFAULT_PAGE_SIZE
from release.openapi import examples
from release.openapi.schemas import PAGE_TOKEN, ref, schemas
from tooling.paths import ROOT

_PROBLEM = "application/problem+json"
_JSON = "application/json"

_ROUTE = re.compile(r'^ +(\w+) += \{ method = "([A-Z]+)", path = "([^"]+)" \}$', re.MULTILINE)
_REFUSAL = re.compile(r'^ +[A-Z0-9_]+ += \{ status = (\d{3}), title = "([^"]+)", detail = "([^"]+)" \}$', re.MULTILINE)


def routes() -> dict[str, tuple[str, str]]:
    """Method and path of the functions that API Gateway calls, by folder (terraform/locals.tf)."""
    found = _ROUTE.findall((ROOT / "terraform" / "locals.tf").read_text())
    return {function: (method, path) for function, method, path in found}


def gateway_statuses() -> set[int]:
    """The statuses that API Gateway answers with before or instead of a function (terraform/modules/api_gateway)."""
    source = (ROOT / "terraform" / "modules" / "api_gateway" / "main.tf").read_text()
    return {int(status) for status, _, _ in _REFUSAL.findall(source)}


def _parameter(
    place: str, name: str, description: str, schema: dict[str, Any], example: str | None = None
) -> dict[str, Any]:
    """A parameter; it is required if it has an example."""
    required = {"required": example is not None}
    return {"name": name, "in": place, "description": description, **required, "schema": schema} | (
        {"example": example} if example else {}
    )


def _parameters() -> dict[str, Any]:
    moment = {"type": "string", "format": "date-time", "pattern": f"^{TIMESTAMP.pattern}$"}
    identifier = {"type": "string", "pattern": Identifier.regex.pattern.replace(r"\Z", "$")}
    statuses = {"type": "string", "enum": [status.value for status in OrderStatus]}
    size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE}
    return {
        "OrderId": _parameter(
            "path", "orderId", "Of the order.", {"type": "string", "format": "uuid"}, examples.order_id()
        ),
        "TenantId": _parameter(
            "path", "tenantId", "Whose orders; another's are for admins.", identifier, examples.tenant_id()
        ),
        "PageSize": _parameter("query", "pageSize", "Orders in the page.", size),
        "StartAt": _parameter("query", "startAt", "Of an earlier page of the same list.", PAGE_TOKEN),
        "Status": _parameter("query", "status", "Orders in this status.", statuses),
        "DateFrom": _parameter("query", "dateFrom", "Orders created then or later.", moment),
        "DateTo": _parameter("query", "dateTo", "Orders created then or earlier.", moment),
        "IdempotencyKey": _parameter(
            "header",
            "Idempotency-Key",
            "The same key and body are the same order, for 24 hours.",
            {"type": "string", "pattern": "^[!-~]{1,255}$"},
        ),
        "IfMatch": _parameter(
            "header", "If-Match", "The ETag that GET gave.", {"type": "string", "pattern": '^"[0-9]{1,9}"$'}, '"1"'
        ),
        "CorrelationId": _parameter(
            "header",
            CORRELATION_HEADER,
            "Runs through messages, logs and mails. One that is not 1 to 64 letters, digits, dots, - or _ is replaced.",
            {"type": "string"},
        ),
    }


_CORRELATION = {
    "description": "Of the request, or the one that the service gave it.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
_CACHE = {"description": "Answers are not to be kept on the way.", "schema": {"const": "no-store"}}
_ETAG = {
    "description": "The order's version, for If-Match.",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
}
_LOCATION = {
    "description": "Where the order will be, relative to the request.",
    "required": True,
    "schema": {"type": "string", "pattern": "^orders/[0-9a-f-]{36}$"},
}
_RETRY_AFTER = {
    "description": "Seconds to wait: before asking at all, or with a key that is in use at this moment.",
    "schema": {"type": "integer", "minimum": 1},
}

# What each status means, whoever answers with it.
_MEANINGS: dict[int, str] = {
    400: "Fields are wrong: each is named in errors.",
    401: "The token is missing, expired, altered or of another pool.",
    403: "The token names no tenant, or these are another tenant's orders.",
    404: "There is no such order of the caller's tenant, or no such route.",
    409: "The order, or the key, is not in a state for this.",
    413: f"The body is above {MAX_BODY_BYTES} bytes.",
    415: "The body is not declared as application/json.",
    422: "The Idempotency-Key was used with another body.",
    428: "If-Match is missing.",
    429: "Too many requests.",
    500: "Something went wrong; it is not told what.",
    502: "The service did not answer.",
    504: "The service did not answer in time.",
}
# Any route may be answered so by the gateway, whatever its function does.
_ANYWHERE = (429, 500, 502, 504)
_WITH_TOKEN = (401, 403, *_ANYWHERE)


def _example(status: int) -> dict[str, Any]:
    return {"example": examples.problem()} if status == HTTPStatus.BAD_REQUEST else {}


def _problem(status: int) -> dict[str, Any]:
    stated = {"status": {"const": status}, "title": {"const": HTTPStatus(status).phrase}}
    return {
        "description": _MEANINGS[status],
        # The gateway's own refusals have none of these.
        "headers": {
            CORRELATION_HEADER: _CORRELATION,
            "Cache-Control": _CACHE,
            **({"Retry-After": _RETRY_AFTER} if status in (409, 429) else {}),
        },
        "content": {_PROBLEM: {"schema": {**ref("Problem"), "properties": stated}, **_example(status)}},
    }


def _refused(*statuses: int) -> dict[int, dict[str, Any]]:
    return {status: {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}


def _answer(
    description: str, schema: str, example: dict[str, Any], headers: dict[str, Any], links: dict[str, Any]
) -> dict[str, Any]:
    always = {CORRELATION_HEADER: _CORRELATION, "Cache-Control": _CACHE}
    return {
        "description": description,
        "headers": {**{name: {**header, "required": True} for name, header in always.items()}, **headers},
        "content": {_JSON: {"schema": ref(schema), "example": example}},
        "links": links,
    }


def _link(operation: str, description: str, **parameters: str) -> dict[str, Any]:
    return {"operationId": operation, "description": description, "parameters": parameters}


def _operation(
    function: str,
    summary: str,
    parameters: tuple[str, ...],
    answer: tuple[int, dict[str, Any]],
    problems: tuple[int, ...],
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    answers = dict([answer]) | _refused(*problems, *_WITH_TOKEN)
    return {
        "operationId": function,
        "summary": summary,
        "security": [{"idToken": []}],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in (*parameters, "CorrelationId")],
        **({"requestBody": {"required": True, "content": {_JSON: body}}} if body else {}),
        "responses": {str(status): answers[status] for status in sorted(answers)},
    }


_BY_PATH = {"path.orderId": "$request.path.orderId"}
_READ = _link("get_order", "Read it.", **_BY_PATH)
_CHANGE = _link("update_order", "Change it.", **_BY_PATH, **{"header.If-Match": "$response.header.ETag"})
_LIST = _link("list_orders", "The orders of its tenant.", **{"path.tenantId": "$response.body#/tenantId"})


def _create_order() -> dict[str, Any]:
    placed = _link("get_order", "The order, once it is on record.", **{"path.orderId": "$response.body#/orderId"})
    return _operation(
        "create_order",
        "Place an order: it is accepted, and on record soon after.",
        ("IdempotencyKey",),
        (202, _answer("Accepted.", "OrderAccepted", examples.accepted(), {"Location": _LOCATION}, {"order": placed})),
        (400, 409, 413, 415, 422),
        {"schema": ref("OrderRequest"), "example": examples.order_request()},
    )


def _get_order() -> dict[str, Any]:
    return _operation(
        "get_order",
        "Read an order; it is not found until it is on record.",
        ("OrderId",),
        (200, _answer("The order.", "Order", examples.order(), {"ETag": _ETAG}, {"change": _CHANGE, "list": _LIST})),
        (400, 404),
    )


def _update_order() -> dict[str, Any]:
    links = {"order": _READ, "change": _CHANGE, "list": _LIST}
    return _operation(
        "update_order",
        "Change an order's status, payment details, or both.",
        ("OrderId", "IfMatch"),
        (200, _answer("The order as it is now.", "Order", examples.paid_order(), {"ETag": _ETAG}, links)),
        (400, 404, 409, 413, 415, 428),
        {"schema": ref("OrderUpdate"), "example": examples.order_update()},
    )


def _list_orders() -> dict[str, Any]:
    links = {
        "first": _link("get_order", "The first of them.", **{"path.orderId": "$response.body#/items/0/id"}),
        "next": _link(
            "list_orders",
            "The page after it; status and dates must be the same.",
            **{"path.tenantId": "$request.path.tenantId", "query.startAt": "$response.body#/startAt"},
        ),
    }
    return _operation(
        "list_orders",
        "List a tenant's orders, newest first.",
        ("TenantId", "PageSize", "StartAt", "Status", "DateFrom", "DateTo"),
        (200, _answer("A page of orders.", "OrderPage", examples.page(), {}, links)),
        # A path parameter that is empty or has a slash in it makes another route.
        (400, 404),
    )


def _health() -> dict[str, Any]:
    answers = {
        200: {
            "description": "The API is up.",
            "content": {_JSON: {"schema": ref("Health"), "example": {"status": "ok"}}},
        }
    }
    answers |= _refused(415, *_ANYWHERE)
    return {
        "operationId": "health",
        "summary": "Ask whether the API is up.",
        "security": [],
        "responses": {str(status): answer for status, answer in answers.items()},
    }


def document() -> dict[str, Any]:
    """The whole document."""
    operations = {
        "create_order": _create_order(),
        "get_order": _get_order(),
        "update_order": _update_order(),
        "list_orders": _list_orders(),
    }
    paths: dict[str, dict[str, Any]] = {}
    for function, (method, path) in routes().items():
        paths.setdefault(path, {})[method.lower()] = operations[function]
    paths["/health"] = {"get": _health()}
    url = "https://{api}.execute-api.{region}.amazonaws.com/{environment}"
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Order service",
            "version": "1.0",
            "description": "Orders of a customer portal. `custom:tenantId` of the ID token is the caller's tenant; the "
            "group `admin` crosses tenants. API Gateway answers 404 for a method that a path does not have.",
        },
        "servers": [
            {
                "url": url,
                "variables": {
                    "api": {"default": "api-id", "description": "Terraform's output api_id."},
                    "region": {"default": "af-south-1", "enum": ["af-south-1", "eu-west-1"]},
                    "environment": {"default": "dev", "enum": ["dev", "sit", "prod"]},
                },
            }
        ],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "parameters": _parameters(),
            "responses": {f"Problem{status}": _problem(status) for status in _MEANINGS},
            "securitySchemes": {
                "idToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An ID token of the environment's Cognito user pool.",
                }
            },
        },
    }
