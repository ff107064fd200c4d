"""docs/openapi.json is what the code does, and holds answers to it."""

import importlib
import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from localstack.lambda_events import api_event, context
from release.openapi import __main__ as openapi
from release.openapi.contract import breaches
from release.openapi.document import document, gateway_statuses, routes
from tests.support.samples import order
from tooling.paths import ROOT

ORDER_ID = "6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11"
FUNCTIONS = ("create_order", "get_order", "list_orders", "update_order")


def statuses(function: str) -> set[int]:
    """The statuses that the document has for a function."""
    method, path = routes()[function]
    return {int(status) for status in document()["paths"][path][method.lower()]["responses"]}


def test_the_committed_document_is_the_generated_one() -> None:
    assert openapi.PATH.read_text() == openapi.text(), "run `make openapi` and commit docs/openapi.json"


def test_the_committed_page_is_the_generated_one() -> None:
    assert openapi.REFERENCE.read_text() == openapi.page(), "run `make openapi` and commit docs/api.md"


def test_the_page_has_every_route_parameter_field_and_status() -> None:
    page = openapi.page()
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


def test_the_page_tells_limits_and_what_holds_between_fields() -> None:
    page = openapi.page()
    for told in (
        "| `quantity` | yes | integer, 1 to 100000 |",
        "| `customerEmail` | yes | string, at most 254 characters | A mail address in ASCII. |",
        "| `pageSize` | query |  | integer, 1 to 100; `50` if left out | Orders in the page. |",
        'If `country` is `"ZA"`, `postalCode` is `^[0-9]{4}$`.',
        "If `moreAvailable` is `true`, `startAt` is given; otherwise `startAt` is not there.",
        'If `status` is `"PAID"`, `paymentDetails` is given.',
        'PUT /v1.0/orders/5103948b-360d-5b4a-9dd9-7db45bafb3e4\nAuthorization: Bearer …\nIf-Match: "1"\n',
    ):
        assert told in page, told


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every example of the document, with the schema that it is of."""
    if isinstance(node, dict):
        if "example" in node:
            yield node["schema"], node["example"]
        for value in node.values():
            yield from examples(value)


def test_every_example_is_what_its_schema_takes() -> None:
    components = {"components": document()["components"]}
    found = list(examples({name: part for name, part in document().items() if name != "servers"}))
    for schema, example in found:
        validator = jsonschema_rs.validator_for({**components, **schema}, validate_formats=True)
        assert [error.message for error in validator.iter_errors(example)] == []
    wanted = {"OrderRequest", "OrderAccepted", "Order", "OrderUpdate", "OrderPage", "Problem", "Health"}
    assert {schema["$ref"].rpartition("/")[2] for schema, _ in found if "$ref" in schema} == wanted


def test_the_document_is_valid_openapi() -> None:
    schemathesis.openapi.from_dict(document()).validate()
    for schema in document()["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_a_document_that_is_none_is_found_invalid() -> None:
    with pytest.raises(Exception, match="responses"):
        schemathesis.openapi.from_dict({**document(), "paths": {"/x": {"get": {"responses": []}}}}).validate()


def test_the_routes_are_terraforms_and_each_is_its_functions() -> None:
    assert set(routes()) == set(FUNCTIONS)
    for function, (method, path) in routes().items():
        handler = importlib.import_module(f"functions.{function}.handler").lambda_handler
        filled = path.format(orderId=ORDER_ID, tenantId="tenant-a")
        # Without a tenant the function is reached and refuses; no such route would be 404.
        assert handler(api_event(method, filled, tenant_id=None), context())["statusCode"] == 403


def test_what_the_gateway_answers_is_documented() -> None:
    assert gateway_statuses() == {401, 403, 404, 413, 415, 429, 500, 502, 504}
    anywhere = gateway_statuses() - {404, 413, 415}
    for function in FUNCTIONS:
        assert anywhere <= statuses(function)
    assert {413, 415} <= statuses("create_order") & statuses("update_order")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_statuses_that_a_function_names_are_documented(function: str) -> None:
    sources = "".join(path.read_text() for path in (ROOT / "functions" / function).glob("*.py"))
    named = {HTTPStatus[name].value for name in re.findall(r"HTTPStatus\.([A-Z_]+)", sources)}
    assert named
    assert named <= statuses(function)


GOOD_HEADERS = {
    "Content-Type": "application/json",
    "ETag": '"1"',
    "x-correlation-id": "c-1",
    "Cache-Control": "no-store",
}


def order_body(**changes: Any) -> str:
    """An order as get_order answers it, with changes."""
    api = importlib.import_module("functions.adapters.rest")
    return json.dumps({**json.loads(api.json_response(HTTPStatus.OK, order()).body), **changes})


def test_a_good_answer_breaches_nothing() -> None:
    assert breaches("GET", f"/v1.0/orders/{ORDER_ID}", 200, GOOD_HEADERS, order_body()) == []
    problem = json.dumps(
        {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no such route."}
    )
    assert breaches("DELETE", "/v1.0/orders", 404, {"content-type": "application/problem+json"}, problem) == []


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
def test_a_bad_answer_is_told(status: int, headers: dict[str, str], body: str, breach: str) -> None:
    (found, *_) = breaches("GET", f"/v1.0/orders/{ORDER_ID}", status, {**GOOD_HEADERS, **headers}, body)
    assert breach in found


def test_an_answer_without_a_required_header_is_told() -> None:
    headers = {name: value for name, value in GOOD_HEADERS.items() if name != "ETag"}
    assert breaches("GET", f"/v1.0/orders/{ORDER_ID}", 200, headers, order_body()) == ["header ETag is missing"]
