"""Schemathesis generates requests from the OpenAPI document and looks for a response that breaks it."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from common import paging
from common.field_types import TIMESTAMP, Identifier, parse_timestamp
from e2e.tenant import Tenant
from tests.support.contract import document

SEED = 20_261_124
EXAMPLES = 15
EMAIL = document()["components"]["schemas"]["OrderRequest"]["properties"]["customerEmail"]["pattern"]
KEY = document()["components"]["parameters"]["IdempotencyKey"]["schema"]["pattern"]

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]


def _settings(tenant: Tenant) -> dict[str, Any]:
    return {
        "seed": SEED,
        "base-url": tenant.platform.api_url,
        "auth": {"openapi": {"idToken": {"bearer": tenant.tokens["IdToken"]}}},
        "request-timeout": 30,
        "continue-on-failure": True,
        "generation": {"max-examples": EXAMPLES, "database": "none"},
        "checks": {
            # RFC 6585 requires 428 where If-Match is missing.
            "missing_required_header": {"expected-statuses": [428]},
            # A REST API of API Gateway responds with 404, not 405, to a method that a path does not have.
            "unsupported_method": {"enabled": False},
        },
    }


class RequestCompleter:
    """Completes generated requests with what a schema cannot express, such as a cart or a page token of the tenant.

    Args:
        tenant: Tenant that calls the API.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        order = tenant.ordered()
        self._position = f"{order['dateCreated']}#{order['id']}"
        self._cart_id = tenant.put_cart([{"productId": "p", "name": "Mug", "quantity": 1, "unitPrice": "89.00"}])

    def complete(self, case: Any) -> None:
        """Make a request that its schema allows one that the service accepts."""
        if case.operation.label == "POST /v1.0/orders":
            self._order(case)
        elif case.operation.label == "GET /v1.0/tenants/{tenantId}/orders":
            self._list(case)

    def wait(self, case: Any, response: Any) -> None:
        """Wait until an accepted order is recorded, since later requests read it."""
        if case.operation.label == "POST /v1.0/orders" and response.status_code == 202:
            self._tenant.recorded(response.json()["orderId"])

    def _order(self, case: Any) -> None:
        address = case.body.get("billingAddress") if isinstance(case.body, dict) else None
        if isinstance(address, dict):
            for field, text in address.items():
                if isinstance(text, str):
                    address[field] = "".join("x" if _is_unlisted(letter) else letter for letter in text)
        if isinstance(case.body, dict) and _is_identifier(case.body.get("cartId")):
            case.body["cartId"] = self._cart_id
        if isinstance(case.body, dict) and _has_long_local_part(case.body.get("customerEmail")):
            case.body["customerEmail"] = self._tenant.email
        key = (case.headers or {}).get("Idempotency-Key")
        if isinstance(key, str) and re.fullmatch(KEY, key):
            # A key with another body would be refused.
            case.headers["Idempotency-Key"] = hashlib.sha256(f"{key}{case.body}".encode()).hexdigest()

    def _list(self, case: Any) -> None:
        if _is_identifier(case.path_parameters.get("tenantId")):
            case.path_parameters["tenantId"] = self._tenant.id
        query = case.query or {}
        dates = [query[name] for name in ("dateFrom", "dateTo") if _is_moment(query.get(name))]
        if len(dates) == 2:
            query["dateFrom"], query["dateTo"] = sorted(dates, key=parse_timestamp)
        if isinstance(query.get("startAt"), str) and re.fullmatch("[A-Za-z0-9_-]{1,1024}", query["startAt"]):
            if dates:
                del query["startAt"]
            else:
                query["startAt"] = paging.encode(self._tenant.id, {"status": query.get("status")}, self._position)


def _is_unlisted(letter: str) -> bool:
    """Whether an address may not have this character, although the document's pattern does not list it."""
    category = unicodedata.category(letter)
    return category == "Cn" or (letter > "\uffff" and category in ("Cf", "Co"))


def _is_identifier(value: object) -> bool:
    return isinstance(value, str) and Identifier.regex.match(value) is not None


def _has_long_local_part(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(EMAIL, value) is not None and value.index("@") > 64


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and TIMESTAMP.fullmatch(value) is not None and parse_timestamp(value) is not None
    except ValueError:
        return False


@contextmanager
def _hooks(completer: RequestCompleter) -> Iterator[None]:
    import schemathesis

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        completer.complete(case)

    @schemathesis.hook
    def after_call(context: Any, case: Any, response: Any) -> None:
        completer.wait(case, response)

    try:
        yield
    finally:
        for hook in (before_call, after_call):
            schemathesis.hooks.unregister(hook)


def test_generated_requests_keep_the_document(tenant: Tenant, record_property: Callable[[str, object], None]) -> None:
    """No response to generated requests breaks the OpenAPI document."""
    # Imported here: the import takes most of a second, and every worker collects this file.
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    schema = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig.from_dict(_settings(tenant)))
    statuses, phases = Counter[int](), Counter[str]()
    operations: set[str] = set()
    checks, wrong = 0, []
    with _hooks(RequestCompleter(tenant)):
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError | events.FatalError):
                wrong.append(repr(event))
            if not isinstance(event, events.ScenarioFinished):
                continue
            recorder = event.recorder
            phases[event.phase.value] += len(recorder.interactions)
            operations |= {node.value.operation.label for node in recorder.cases.values()}
            statuses.update(sent.response.status_code for sent in recorder.interactions.values() if sent.response)
            for case_id, nodes in recorder.checks.items():
                checks += len(nodes)
                failures = [node.failure_info.failure for node in nodes if node.failure_info]
                wrong += [f"{recorder.cases[case_id].value.as_curl_command()}\n{failure}" for failure in failures]
    record_property("schemathesis", f"seed {SEED}, {statuses.total()} examples, {checks} checks, {len(wrong)} failures")
    record_property("schemathesis phases", dict(phases))
    record_property("schemathesis statuses", dict(sorted(statuses.items())))
    assert not wrong, "\n\n".join(wrong)
    assert len(operations) == sum(len(path) for path in document()["paths"].values())
    assert {200, 202, 400, 404, 415} <= statuses.keys()
