"""docs/openapi.json and docs/api.md are made from the code, valid and complete, and detect an undocumented response."""

import importlib
import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import jsonschema_rs
import pytest

from common import errors
from common.status import TRANSITIONS, OrderStatus
from functions.adapters.problem_details import from_refusal
from release.openapi.document import document, routes
from release.openapi.files import contents
from tests.support.contract import breaches
from tests.support.lambda_events import api_event, context
from tests.support.samples import order
from tooling.paths import ROOT

ORDER_ID = "6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11"
FUNCTIONS = ("create_order", "get_order", "list_orders", "update_order")


def statuses(function: str) -> set[int]:
    """The documented statuses of a function, over all its routes."""
    return {
        int(status)
        for route in routes().values()
        if route.function == function
        for status in document()["paths"][route.path][route.method.lower()]["responses"]
    }


@pytest.mark.parametrize("name", contents())
def test_openapi_committed_file_is_generated(name: str) -> None:
    """The committed document and page are those that the code generates."""
    assert (ROOT / name).read_text() == contents()[name], f"run `bin/release openapi` and commit {name}"


def test_api_page_has_everything_documented() -> None:
    """The page lists every route, status, parameter and field of the document."""
    page = contents()["docs/api.md"]
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            _, heading, rest = page.partition(f"## {method.upper()} {path}\n")
            section = rest.partition("\n## ")[0]
            assert heading, path
            for status in operation["responses"]:
                assert f"\n| {status} " in section, (path, status)
            for reference in operation.get("parameters", []):
                name = document()["components"]["parameters"][reference["$ref"].rpartition("/")[2]]["name"]
                assert f"\n| `{name}` |" in section, (path, name)
    for name, schema in document()["components"]["schemas"].items():
        section = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        for field in schema.get("properties", {}):
            assert f"\n| `{field}` |" in section, (name, field)


def test_api_page_states_limits_and_rules() -> None:
    """The page states limits, defaults, and the rules between fields."""
    page = contents()["docs/api.md"]
    for expected in (
        "| `quantity` | yes | integer, 1 to 100000 |",
        "| `customerEmail` | yes | string, at most 254 characters | An email address in ASCII. |",
        "| `pageSize` | query |  | integer, 1 to 100; default `50` | Maximum number of orders in the page. |",
        "| `postalCode` | yes | string `^[A-Za-z0-9][A-Za-z0-9 -]{0,11}$` | Four digits in South Africa. |",
        "| `startAt` |  | string `^[A-Za-z0-9_-]{1,1024}$` | Present if and only if `moreAvailable` is true. |",
        "An order can become PAID only with `paymentDetails`.",
        'PUT /v1.0/orders/5103948b-360d-5b4a-9dd9-7db45bafb3e4\nAuthorization: Bearer …\nIf-Match: "1"\n',
    ):
        assert expected in page, expected


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every example of the document, with its schema."""
    if isinstance(node, dict):
        if "example" in node:
            yield node["schema"], node["example"]
        for value in node.values():
            yield from examples(value)


def test_openapi_change_lists_allowed_transitions() -> None:
    """The description of PUT has every change of status that an order allows."""
    description = document()["paths"]["/v1.0/orders/{orderId}"]["put"]["description"]
    allowed = re.findall(r"([A-Z_]+) → ([A-Z_, ]+)", description)
    assert {OrderStatus(current): {*map(OrderStatus, new.split(", "))} for current, new in allowed} == {
        current: new for current, new in TRANSITIONS.items() if new
    }


def test_openapi_field_is_described_for_its_schema() -> None:
    """A field of a request and of a response can mean different things."""
    request, order = (document()["components"]["schemas"][name]["properties"] for name in ("OrderRequest", "Order"))
    assert request["cartId"]["description"] != order["cartId"]["description"]


def test_openapi_examples_match_schemas() -> None:
    """Every example is valid by its schema, and every request and response has one."""
    components = {"components": document()["components"]}
    found = list(examples({name: part for name, part in document().items() if name != "servers"}))
    for schema, example in found:
        validator = jsonschema_rs.validator_for({**components, **schema}, validate_formats=True)
        assert [error.message for error in validator.iter_errors(example)] == []
    expected = {
        "OrderRequest",
        "OrderAccepted",
        "OrderPending",
        "Order",
        "OrderUpdate",
        "OrderPage",
        "Problem",
        "Health",
    }
    assert {schema["$ref"].rpartition("/")[2] for schema, _ in found if "$ref" in schema} == expected


def validate(openapi: dict[str, Any]) -> None:
    """Validate a document as OpenAPI."""
    # Imported late: it takes half a second in each worker of the tests.
    import schemathesis

    schemathesis.openapi.from_dict(openapi).validate()


def test_openapi_document_is_valid() -> None:
    """The document is valid OpenAPI 3.1, and its schemas are valid JSON Schema 2020-12."""
    validate(document())
    for schema in document()["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_openapi_validation_invalid_document_fails() -> None:
    """The validation used above does find an invalid document."""
    with pytest.raises(Exception, match="responses"):
        validate({**document(), "paths": {"/x": {"get": {"responses": []}}}})


def test_openapi_routes_reach_their_functions() -> None:
    """The routes are those of Terraform, and each function handles its own."""
    assert {route.function for route in routes().values()} == set(FUNCTIONS)
    for route in routes().values():
        handler = importlib.import_module(f"functions.{route.function}.handler").lambda_handler
        path = route.path.format(orderId=ORDER_ID, tenantId="tenant-a")
        # Without a tenant, the right function responds 403; a route that is not its own would be 404.
        assert handler(api_event(route.method, path, tenant_id=None), context())["statusCode"] == 403


def test_openapi_gateway_responses_are_documented() -> None:
    """Every status of API Gateway's own responses is documented."""
    source = (ROOT / "terraform" / "modules" / "api_gateway" / "main.tf").read_text()
    found = re.findall(r"^ +[A-Z0-9_]+ += \{ status = (\d{3}), title = ", source, re.MULTILINE)
    own = {int(status) for status in found}
    assert own == {400, 401, 403, 404, 413, 415, 429, 500, 502, 504}
    anywhere = own - {404, 413, 415}
    for function in FUNCTIONS:
        assert anywhere <= statuses(function)
    assert {413, 415} <= statuses("create_order") & statuses("update_order")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_openapi_function_statuses_are_documented(function: str) -> None:
    """Every status that a function names, itself or as an error of the domain, is documented."""
    sources = "".join(path.read_text() for path in (ROOT / "functions" / function).glob("*.py"))
    named = {HTTPStatus[name].value for name in re.findall(r"HTTPStatus\.([A-Z_]+)", sources)}
    refusals = [getattr(errors, name, None) for name in set(re.findall(r"\b[A-Z]\w+Error\b", sources))]
    for refusal in refusals:
        if isinstance(refusal, type) and issubclass(refusal, errors.RefusedError):
            error = refusal([]) if refusal is errors.InvalidFieldsError else refusal()
            named.add(from_refusal(error).status.value)
    assert len(named) > 1
    assert named <= statuses(function)


GOOD_HEADERS = {
    "Content-Type": "application/json",
    "ETag": '"1"',
    "x-correlation-id": "c-1",
    "Cache-Control": "no-store",
}


def order_body(**changes: Any) -> str:
    """The body of an order as get_order returns it, with changes."""
    rest = importlib.import_module("functions.adapters.rest")
    return json.dumps({**json.loads(rest.to_json(order())), **changes})


def test_breaches_documented_response_is_empty() -> None:
    """A documented response has no breach, of a function or of API Gateway."""
    assert breaches("GET", f"/v1.0/orders/{ORDER_ID}", 200, GOOD_HEADERS, order_body()) == []
    problem = json.dumps(
        {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no such route."}
    )
    assert breaches("DELETE", "/v1.0/orders", 404, {"content-type": "application/problem+json"}, problem) == []
    redirect = GOOD_HEADERS | {"Location": "https://bucket.s3.af-south-1.amazonaws.com/key"}
    assert breaches("GET", f"/v1.0/orders/{ORDER_ID}/invoice", 302, redirect, "") == []
    assert breaches("GET", f"/v1.0/orders/{ORDER_ID}/invoice", 302, redirect, "{}") == ["body is not documented"]


@pytest.mark.parametrize(
    ("status", "headers", "body", "breach"),
    [
        (418, {}, "{}", "status 418"),
        (200, {"Content-Type": "text/html"}, "{}", "content type"),
        (200, {"ETag": "1"}, order_body(), "ETag"),
        (200, {"Cache-Control": "public"}, order_body(), "Cache-Control"),
        (200, {}, order_body(GSI1_PK="TENANT#t"), "GSI1_PK"),
        (200, {}, order_body(total=402.5), "total"),
        (200, {}, order_body(total="402.5"), "total"),
        (200, {}, order_body(id="1"), "id"),
        (200, {}, order_body(dateCreated="2026-11-24T08:30:00+02:00"), "dateCreated"),
        (200, {}, order_body(invoiceKey=None), "invoiceKey"),
        (404, {"Content-Type": "application/problem+json"}, '{"type": "about:blank"}', "required"),
    ],
)
def test_breaches_undocumented_response_is_reported(
    status: int, headers: dict[str, str], body: str, breach: str
) -> None:
    """An undocumented status, content type, header, field or value is reported."""
    (found, *_) = breaches("GET", f"/v1.0/orders/{ORDER_ID}", status, {**GOOD_HEADERS, **headers}, body)
    assert breach in found


def test_breaches_missing_header_is_reported() -> None:
    """A response without a required header is reported."""
    headers = {name: value for name, value in GOOD_HEADERS.items() if name != "ETag"}
    assert breaches("GET", f"/v1.0/orders/{ORDER_ID}", 200, headers, order_body()) == ["header ETag is missing"]
