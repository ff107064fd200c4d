"""The REST adapter: request, caller, body, response and errors of a function of the API."""

import base64
import json
import re
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidFieldsError
from common.models import OrderRequest
from functions.adapters import rest
from functions.create_order.handler import lambda_handler as create_order
from release import traffic
from tests.support.contract import breaches
from tests.support.lambda_events import api_event, context
from tests.support.samples import address, order_request

_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _echo(request: rest.Request) -> rest.Response:
    order = rest.parse_body(request, OrderRequest)
    return rest.Response(HTTPStatus.OK, {"tenant": rest.caller(request).tenant_id, "cart": order.cart_id})


def _broken(_: rest.Request) -> rest.Response:
    raise RuntimeError("password=hunter2")


def _odd(_: rest.Request) -> rest.Response:
    return rest.Response(HTTPStatus.OK, {"odd": {1, 2}})


def _with_order_id(text: str) -> rest.Request:
    return rest.Request({"pathParameters": {"orderId": text}}, context())


def call(method: str, path: str, endpoint: rest.Endpoint = _echo, **more: Any) -> tuple[int, Any]:
    """Status and body of the response of a function with the route POST /orders."""
    response = rest.rest_handler({"POST /orders": endpoint})(api_event(method, path, **more), context())
    return response["statusCode"], json.loads(response["body"])


def test_body_valid_is_parsed() -> None:
    """A valid body is parsed as its model."""
    assert call("POST", "/orders", body=order_request()) == (200, {"tenant": "tenant-a", "cart": "cart-1"})


@pytest.mark.parametrize("headers", [{"X-Correlation-Id": "c-9"}, {"x-correlation-id": "c-9"}])
def test_response_has_gateway_format(headers: dict[str, str]) -> None:
    """A response has the format of a Lambda proxy integration and the correlation id of the request."""
    response = rest.rest_handler({"POST /orders": _echo})(
        api_event("POST", "/orders", body=order_request(), headers=headers), context()
    )
    assert json.loads(response.pop("body"))
    assert response == {
        "statusCode": 200,
        "isBase64Encoded": False,
        "multiValueHeaders": {
            "Content-Type": ["application/json"],
            "X-Correlation-Id": ["c-9"],
            "Cache-Control": ["no-store"],
        },
    }


def test_header_repeated_is_joined() -> None:
    """The values of a repeated header are joined by commas."""
    event = api_event("PUT", "/orders") | {"multiValueHeaders": {"If-Match": ['"1"', 'W/"2"'], "if-match": ['"3"']}}
    assert rest.parse_if_match(rest.Request(event, context())) == {1, 3}


@pytest.mark.parametrize("given", [', "1", W/"2"', '"1",', '"1",,"3x" ,', '"1"\t,\t'])
def test_if_match_empty_elements_are_ignored(given: str) -> None:
    """Empty elements of a list of ETags are ignored, wherever they are."""
    assert rest.parse_if_match(rest.Request(api_event("PUT", "/orders", headers={"If-Match": given}), context())) == {1}


@pytest.mark.parametrize("given", ["", ",", "1", '"1" "2"', '"1", *', 'w/"1"', '"1'])
def test_if_match_malformed_is_refused(given: str) -> None:
    """What is neither a list of ETags nor `*` is refused."""
    with pytest.raises(InvalidFieldsError):
        rest.parse_if_match(rest.Request(api_event("PUT", "/orders", headers={"If-Match": given}), context()))


@pytest.mark.parametrize("text", ["", "a b", "../x", "tenant-a\n", "t" * 65])
def test_tenant_id_malformed_is_refused(text: str) -> None:
    """A tenant's id in the path that no tenant can have is refused by name."""
    with pytest.raises(InvalidFieldsError) as refused:
        rest.parse_tenant_id(rest.Request({"pathParameters": {"tenantId": text}}, context()))
    assert [error.field for error in refused.value.errors] == ["tenantId"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (None, "not JSON"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"a": Infinity}', "not JSON"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
    ],
)
def test_body_not_object_is_400(body: str | None, detail: str) -> None:
    """A body that is not a JSON object is 400."""
    status, problem = call("POST", "/orders", body=body)
    assert status == 400
    assert detail in problem["detail"]


def test_body_over_256_kb_is_413() -> None:
    """A body above 256 KB is 413; the limit counts bytes, not characters."""
    status, problem = call("POST", "/orders", body=json.dumps({"a": "é" * 131_072}, ensure_ascii=False))
    assert status == 413
    assert "262144" in problem["detail"]


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"paymentMethod": "CASH"}, "must be one of CARD, EFT, INSTANT_EFT"),
        ({"currency": "USD"}, "must be one of ZAR"),
        ({"paymentMethod": {}}, "must be one of CARD, EFT, INSTANT_EFT"),
        ({"billingAddress": address(city=" ")}, "must not be empty"),
        ({"billingAddress": address(city="x" * 201)}, "must have at most 200 characters"),
        ({"customerEmail": "a@b"}, "must be an email address in ASCII"),
        ({"cartId": 7}, "must be a string"),
        ({"total": "0.01"}, "is not a known field"),
    ],
)
def test_body_invalid_field_has_rule_in_words(changes: dict[str, Any], detail: str) -> None:
    """What is wrong with a field is described by the rule that its value breaks, in our words and not in pydantic's."""
    status, problem = call("POST", "/orders", body=order_request(**changes))
    assert (status, [error["detail"] for error in problem["errors"]]) == (400, [detail])


@pytest.mark.parametrize(
    "content_type",
    [
        "text/xml; charset=utf-8",
        "application/json; charset=iso-8859-1",
        'application/json; profile=x; CHARSET="UTF-16"',
        "application/json, application/json",
        "json",
    ],
)
def test_body_other_content_type_is_415(content_type: str) -> None:
    """A body of another content type, or in another encoding than UTF-8, is 415."""
    assert call("POST", "/orders", body=order_request(), headers={"content-type": content_type})[0] == 415


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"', ""]
)
def test_body_json_in_utf_8_is_parsed(content_type: str) -> None:
    """A body that is declared as JSON in UTF-8, or not declared, is parsed."""
    assert call("POST", "/orders", body=order_request(), headers={"content-type": content_type})[0] == 200


@pytest.mark.parametrize(
    ("groups", "is_admin"),
    [
        ((), False),
        (("admin",), True),
        (("support", "admin"), True),
        (("support,admin",), False),
        (("support admin",), False),
        (("[admin]",), False),
        ((" admin",), False),
        (("Admin",), False),
        (("administrators",), False),
    ],
)
def test_caller_only_member_of_admin_is_admin(groups: tuple[str, ...], is_admin: bool) -> None:
    """Only the group `admin` makes an administrator, whatever the names of other groups."""
    assert rest.caller(rest.Request(api_event("POST", "/orders", groups=groups), context())).is_admin is is_admin


@pytest.mark.parametrize("second", ["authorization", "AUTHORIZATION"])
def test_caller_with_two_tokens_is_no_admin(second: str) -> None:
    """With a second token, which API Gateway may not have verified, nobody is an administrator."""
    event = api_event("POST", "/orders", groups=("admin",))
    event["multiValueHeaders"][second] = event["multiValueHeaders"]["Authorization"]
    assert not rest.caller(rest.Request(event, context())).is_admin


def test_caller_claims_without_admin_is_no_admin() -> None:
    """The groups of the token count only if the verified claims name the group too."""
    event = api_event("POST", "/orders", groups=("admin",))
    event["requestContext"]["authorizer"]["claims"]["cognito:groups"] = "support"
    assert not rest.caller(rest.Request(event, context())).is_admin


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (r'"a\"b\\c"', 'a"b\\c'),
        ('a"b', 'a"b'),
        ('"a b"', "a b"),
        ("k" * 255, "k" * 255),
        (f'"{"k" * 255}"', "k" * 255),
    ],
)
def test_idempotency_key_is_a_string_with_or_without_quotes(given: str, key: str) -> None:
    """A key is a string of a structured field; without quotes it is the same key."""
    event = api_event("POST", "/orders", headers={"Idempotency-Key": given})
    assert rest.parse_idempotency_key(rest.Request(event, context())) == key


@pytest.mark.parametrize("given", ["", '""', '"abc', 'abc "d"', '"a\x7f"', r'"a\b"', '"a";b', "k" * 256, "é", "a b"])
def test_idempotency_key_malformed_is_refused(given: str) -> None:
    """A key that is no string of a structured field, or is too long, is refused."""
    event = api_event("POST", "/orders", headers={"Idempotency-Key": given})
    with pytest.raises(InvalidFieldsError):
        rest.parse_idempotency_key(rest.Request(event, context()))


@pytest.mark.parametrize("tenant_id", [None, "", "a b", "tenant#1", "t" * 65, "tenant-a\n"])
def test_caller_without_tenant_is_403(tenant_id: str | None) -> None:
    """A token without a valid tenant is 403."""
    assert call("POST", "/orders", body=order_request(), tenant_id=tenant_id)[0] == 403


@pytest.mark.parametrize(("method", "path"), [("GET", "/orders"), ("POST", "/orders/"), ("POST", "/nothing")])
def test_route_of_another_function_is_404(method: str, path: str) -> None:
    """A request for another route is 404."""
    status, problem = call(method, path, body=order_request())
    assert (status, problem["detail"]) == (404, "There is no such route.")


def test_route_of_smoke_test_is_404() -> None:
    """The smoke test of a new version gets 404."""
    assert rest.rest_handler({"POST /orders": _broken})(traffic.EMPTY_EVENT, context())["statusCode"] == 404


@pytest.mark.parametrize("endpoint", [_broken, _odd])
def test_unexpected_error_is_500_without_details(endpoint: rest.Endpoint) -> None:
    """An unexpected error is 500 with the correlation id and no internals."""
    status, problem = call("POST", "/orders", endpoint, headers={"X-Correlation-Id": "c-9"})
    assert status == 500
    assert problem["detail"] == "Unexpected error. Quote the correlation id c-9 to support."
    assert "hunter2" not in json.dumps(problem)


def test_unexpected_error_counts_for_version(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error counts for the version that ran, which a canary watches; a refused request does not."""

    def counted() -> list[str]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [f"{line['function']}:{line['version']}" for line in lines if "FailedCalls" in line]

    call("POST", "/orders", _broken)
    assert counted() == ["function:7"]
    call("POST", "/orders", body="[]")
    assert counted() == []


@pytest.mark.parametrize(
    "number", ["9" * 10**6, "-" + "9" * 200_000, "1e999999", "0." + "9" * 200_000, "1" + "0" * 5_000]
)
def test_body_huge_number_is_refused(number: str) -> None:
    """A number too long to be parsed is refused, not computed."""
    status, _ = call("POST", "/orders", body=f'{{"cartId": {number}}}')
    assert status == (413 if len(number) > rest.MAX_BODY_BYTES else 400)


@given(
    st.text() | st.binary().map(lambda raw: base64.b64encode(raw).decode()) | _json.map(json.dumps),
    st.booleans(),
    st.sampled_from(["application/json", "APPLICATION/JSON; charset=latin-1", "", ";", "json"]) | st.text(max_size=9),
)
def test_body_any_gets_documented_response(body: str, encoded: bool, content_type: str) -> None:
    """Any body gets a response that the OpenAPI document describes."""
    event = api_event("POST", "/v1.0/orders", body=body, headers={"content-type": content_type})
    response = create_order({**event, "isBase64Encoded": encoded}, context())
    headers = {name: values[0] for name, values in response["multiValueHeaders"].items()}
    assert response["statusCode"] in (400, 415)
    assert breaches("POST", "/v1.0/orders", response["statusCode"], headers, response["body"]) == []


@given(st.text(max_size=60) | st.uuids().map(str) | st.uuids().map(lambda uuid: uuid.urn))
def test_order_id_only_canonical_uuid_is_parsed(text: str) -> None:
    """An order id is a UUID in its canonical form, in either case."""
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()):
        assert str(rest.parse_order_id(_with_order_id(text))) == text.lower()
    else:
        with pytest.raises(InvalidFieldsError):
            rest.parse_order_id(_with_order_id(text))


@pytest.mark.parametrize("text", ["{%s}", "urn:uuid:%s", " %s", "%s\n"])
def test_order_id_other_uuid_form_is_refused(text: str) -> None:
    """Other forms of a UUID are refused."""
    with pytest.raises(InvalidFieldsError):
        rest.parse_order_id(_with_order_id(text % "6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11"))


@pytest.mark.parametrize("origin", ["https://portal.example.com", "http://localhost:5173"])
def test_cors_allowed_origin_may_read_every_response(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of an allowed origin may read every response, errors included, with its exposed headers."""
    monkeypatch.setenv("CORS_ORIGIN_PATTERN", "https://portal[.]example[.]com|http://localhost:[0-9]+")
    for path, body in (("/orders", order_request()), ("/orders", None), ("/nothing", None)):
        event = api_event("POST", path, body=body, headers={"Origin": origin})
        headers = rest.rest_handler({"POST /orders": _echo})(event, context())["multiValueHeaders"]
        assert headers["Access-Control-Allow-Origin"] == [origin]
        assert headers["Access-Control-Expose-Headers"] == ["ETag,Location,Retry-After,X-Correlation-Id"]
        assert headers["Vary"] == ["Origin"]


@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://portal.example.com.evil.example", "https://portalXexample.com", "http://localhost:"],
)
def test_cors_other_origin_gets_no_permission(origin: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response to any other origin permits nothing, and caches keep it apart."""
    monkeypatch.setenv("CORS_ORIGIN_PATTERN", "https://portal[.]example[.]com|http://localhost:[0-9]+")
    event = api_event("POST", "/orders", body=order_request(), headers={"Origin": origin} if origin else {})
    headers = rest.rest_handler({"POST /orders": _echo})(event, context())["multiValueHeaders"]
    assert headers["Vary"] == ["Origin"]
    assert not [name for name in headers if name.startswith("Access-Control-")]
