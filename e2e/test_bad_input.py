"""Bad input gets the right 4xx problem, names every wrong field, and queues nothing (R5)."""

from typing import Any

import pytest
import requests

from e2e.tenant import Tenant

ADDRESS_FIELDS = ("street", "city", "province", "postalCode", "country")


def bad_fields(good: dict[str, Any]) -> dict[str, tuple[dict[str, Any], set[str]]]:
    """Bad bodies by what is wrong with them, each with the fields that must be named."""

    def body(**changes: Any) -> dict[str, Any]:
        return {name: value for name, value in {**good, **changes}.items() if value is not ...}

    def address(**changes: Any) -> dict[str, Any]:
        parts = {**good["billingAddress"], **changes}
        return body(billingAddress={name: value for name, value in parts.items() if value is not ...})

    cases: dict[str, tuple[dict[str, Any], set[str]]] = {}
    required = ("customerEmail", "cartId", "billingAddress", "paymentMethod")
    for field in required:
        cases[f"{field} missing"] = (body(**{field: ...}), {field})
        cases[f"{field} null"] = (body(**{field: None}), {field})
        cases[f"{field} of the wrong type"] = (body(**{field: 7}), {field})
        cases[f"{field} a list"] = (body(**{field: []}), {field})
    for field in ("customerEmail", "cartId", "paymentMethod", "campaignCode", "currency"):
        cases[f"{field} empty"] = (body(**{field: ""}), {field})
        cases[f"{field} too long"] = (body(**{field: "x" * 300}), {field})
        cases[f"{field} negative"] = (body(**{field: -1}), {field})
        cases[f"{field} with HTML"] = (body(**{field: "<b>x</b>"}), {field})
        cases[f"{field} with template syntax"] = (body(**{field: "{{ 7 * 7 }}"}), {field})
        cases[f"{field} with a line break"] = (
            body(**{field: f"{good.get(field, 'ZAR')}\r\nBcc: x@example.com"}),
            {field},
        )
    for field in ADDRESS_FIELDS:
        named = {f"billingAddress.{field}"}
        cases[f"{field} missing"] = (address(**{field: ...}), named)
        cases[f"{field} of the wrong type"] = (address(**{field: 8001}), named)
        cases[f"{field} empty"] = (address(**{field: " "}), named)
        cases[f"{field} too long"] = (address(**{field: "x" * 201}), named)
        for what, text in {
            "HTML": "<script>alert(1)</script>",
            "template syntax": "{{ config }}",
            "a statement": "{% include 'x' %}",
            "a control": "Long\x00Street",
            "a bidi override": "Long\u202estreet",
        }.items():
            cases[f"{field} with {what}"] = (address(**{field: text}), named)
    for email in (
        "x",
        "x@",
        "@example.com",
        "a b@example.com",
        "x@example",
        "тест@example.com",
        f"{'x' * 65}@example.com",
    ):
        cases[f"customerEmail {email}"] = (body(customerEmail=email), {"customerEmail"})
    cases["a postal code of five digits"] = (address(postalCode="80010"), {"billingAddress.postalCode"})
    cases["an unknown field"] = (body(price="1.00"), {"price"})
    cases["an unknown field in the address"] = (address(planet="Earth"), {"billingAddress.planet"})
    cases["another currency"] = (body(currency="USD"), {"currency"})
    cases["nothing at all"] = ({}, set(required))
    cases["two wrong fields"] = (body(cartId="a/b", paymentMethod="CASH"), {"cartId", "paymentMethod"})
    return cases


def is_problem(answer: requests.Response, status: int) -> bool:
    """Whether an answer is a problem of this status, as RFC 9457 has it, that tells no internals."""
    if answer.headers["Content-Type"] != "application/problem+json":
        return False
    problem = answer.json()
    internals = ("Traceback", "pydantic", "boto", "arn:", ".py")
    return (
        answer.status_code == problem["status"] == status
        and {"type", "title", "detail"} <= problem.keys()
        and not any(word in answer.text for word in internals)
    )


def nothing_queued_before(tenant: Tenant) -> None:
    """Check that this tenant's first order is the one placed now."""
    order = tenant.ordered()
    assert [item["id"] for item in tenant.orders().json()["items"]] == [order["id"]]


def test_every_wrong_field_is_named_and_nothing_is_queued(tenant: Tenant) -> None:
    wrong = {}
    for name, (body, fields) in bad_fields(tenant.body()).items():
        answer = tenant.call("POST", "/v1.0/orders", json=body)
        if not is_problem(answer, 400) or {error["field"] for error in answer.json()["errors"]} != fields:
            wrong[name] = f"{answer.status_code} {answer.text}"
    assert wrong == {}
    nothing_queued_before(tenant)


def test_names_of_any_script_are_taken(tenant: Tenant) -> None:
    address = tenant.body()["billingAddress"] | {
        "street": "شارع الملك 12",
        "city": "eThekwini – Ñandú 北京",
        "province": "KwaZulu-Natal & Co.",
    }
    order = tenant.invoiced(tenant.place(billingAddress=address))
    assert order["billingAddress"]["street"] == address["street"]
    assert order["billingAddress"]["city"] == address["city"]


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'"text"', {}, 400),
        (b"null", {}, 400),
        (b'{"cartId": NaN}', {}, 400),
        (b"\xff\xfe{}", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"cartId": "' + b"x" * 256 * 1024 + b'"}', {}, 413),
        (b"<order/>", {"Content-Type": "application/xml"}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
    ids=["empty", "broken", "list", "text", "null", "NaN", "not UTF-8", "deep", "too big", "XML", "form"],
)
def test_bodies_that_are_no_order(tenant: Tenant, data: bytes, headers: dict[str, str], status: int) -> None:
    answer = tenant.call("POST", "/v1.0/orders", data=data, headers={"Content-Type": "application/json", **headers})
    assert is_problem(answer, status), f"{answer.status_code} {answer.text}"
    nothing_queued_before(tenant)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, {"body"}),
        ({"status": "EATEN"}, {"status"}),
        ({"status": 1}, {"status"}),
        ({"total": "1.00"}, {"total"}),
        ({"tenantId": "tenant-acme", "status": "CANCELLED"}, {"tenantId"}),
        ({"paymentDetails": {}}, {f"paymentDetails.{name}" for name in ("method", "transactionId", "paidAt")}),
        (
            {"paymentDetails": {"method": "EFT", "transactionId": "<b>", "paidAt": "2026-11-24T10:00:00"}},
            {"paymentDetails.transactionId", "paymentDetails.paidAt"},
        ),
        *(
            (
                {"paymentDetails": {"method": "CARD", "transactionId": number, "paidAt": "2026-11-24T10:00:00Z"}},
                {"paymentDetails.transactionId"},
            )
            for number in ("4111111111111111", "tx-4111-1111-1111-1111", "378282246310005")
        ),
    ],
)
def test_changes_that_are_none(tenant: Tenant, change: dict[str, Any], fields: set[str]) -> None:
    order_id = tenant.ordered()["id"]
    answer = tenant.change(order_id, change)
    assert is_problem(answer, 400), answer.text
    assert {error["field"] for error in answer.json()["errors"]} == fields
    assert tenant.get(order_id).json()["status"] == "PENDING_PAYMENT"


@pytest.mark.parametrize("order_id", ["1", "x", "6f1c1e4e", "%7B%7B7*7%7D%7D", "..%2f..%2fetc"])
def test_order_ids_that_are_none(tenant: Tenant, order_id: str) -> None:
    answer = tenant.get(order_id)
    assert answer.status_code in (400, 404)
    assert is_problem(answer, answer.status_code)
