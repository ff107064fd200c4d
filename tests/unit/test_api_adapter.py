import json
from http import HTTPStatus
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import Response

from common.models import OrderRequest
from functions.adapters import api
from tests.lambda_events import api_event, context
from tests.samples import order_request

app = api.create_app()


@app.post("/orders")
def _echo() -> Response[str]:
    event = app.current_event
    request = api.parse_body(event, OrderRequest)
    return api.json_response(HTTPStatus.OK, {"tenant": api.caller(event).tenant_id, "cart": request.cart_id})


@app.get("/broken")
def _broken() -> Response[str]:
    raise RuntimeError("password=hunter2")


@app.get("/odd")
def _odd() -> Response[str]:
    return api.json_response(HTTPStatus.OK, {"odd": {1, 2}})


handler = api.lambda_handler(app)


def call(*request: Any, **more: Any) -> tuple[int, Any]:
    answer = handler(api_event(*request, **more), context())
    return answer["statusCode"], json.loads(answer["body"])


def test_a_good_body_is_a_model() -> None:
    assert call("POST", "/orders", body=order_request()) == (200, {"tenant": "tenant-a", "cart": "cart-1"})


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
def test_what_is_no_object_is_400(body: str | None, detail: str) -> None:
    status, problem = call("POST", "/orders", body=body)
    assert status == 400
    assert detail in problem["detail"]


def test_a_body_is_at_most_256_kb_of_bytes() -> None:
    # Two bytes each: what counts is what travels.
    status, problem = call("POST", "/orders", body=json.dumps({"a": "é" * 131_072}, ensure_ascii=False))
    assert status == 413
    assert "262144" in problem["detail"]


def test_another_content_type_is_415() -> None:
    headers = {"content-type": "text/xml; charset=utf-8"}
    assert call("POST", "/orders", body=order_request(), headers=headers)[0] == 415


@pytest.mark.parametrize("tenant_id", [None, "", "a b", "tenant#1", "t" * 65, "tenant-a\n"])
def test_a_token_without_a_tenant_is_403(tenant_id: str | None) -> None:
    assert call("POST", "/orders", body=order_request(), tenant_id=tenant_id)[0] == 403


def test_an_unknown_route_is_404() -> None:
    status, problem = call("GET", "/nothing")
    assert (status, problem["title"]) == (404, "Not Found")


@pytest.mark.parametrize("path", ["/broken", "/odd"])
def test_an_unexpected_error_tells_nothing(path: str) -> None:
    status, problem = call("GET", path, headers={"X-Correlation-Id": "c-9"})
    assert status == 500
    assert problem["detail"] == "Something went wrong; quote c-9 to support."
    assert "hunter2" not in json.dumps(problem)
