import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import events
from common.errors import PermanentError
from common.events import Envelope
from common.field_types import Identifier
from common.models import OrderRequest
from common.status import OrderStatus
from tests.support import samples
from tests.support.samples import order, order_request


def _body(**changes: Any) -> str:
    envelope = json.loads(samples.order_recorded(order(), "corr-1").encode())
    return json.dumps({key: value for key, value in {**envelope, **changes}.items() if value is not None})


def test_the_envelope_has_the_fields_of_r4() -> None:
    assert set(json.loads(_body())) == {"messageId", "timestamp", "eventType", "version", "correlationId", "payload"}


def test_every_event_comes_back_as_it_was_made() -> None:
    placed = order(status=OrderStatus.PAID)
    request = events.OrderCreationRequested(
        order_id=placed.id,
        tenant_id=Identifier("tenant-a"),
        created_by="user-1",
        order=OrderRequest.parse_obj(order_request()),
    )
    for envelope in (
        Envelope.of(request, "c"),
        samples.order_recorded(placed, "c"),
        samples.invoice_created(placed, "k", "c"),
        samples.order_status_changed(placed, OrderStatus.PENDING_PAYMENT, "c"),
    ):
        assert events.parse(envelope.encode()) == envelope


def test_the_same_happening_has_the_same_id_and_another_has_not() -> None:
    placed = order()
    first = samples.order_recorded(placed, "a").message_id
    assert samples.order_recorded(placed, "b").message_id == first
    others = {
        samples.invoice_created(placed, "k", "a").message_id,
        samples.order_recorded(order(), "a").message_id,
        samples.order_status_changed(placed, OrderStatus.PAID, "a").message_id,
        samples.order_status_changed(placed.copy(update={"version": 2}), OrderStatus.PAID, "a").message_id,
    }
    assert len(others | {first}) == 5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"version": "2.0"}, "version"),
        ({"eventType": "OrderLost"}, "eventType"),
        ({"messageId": "x"}, "messageId"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"correlationId": None}, "correlationId"),
        ({"payload": None}, "payload"),
        ({"payload": {"tenantId": "t"}}, "orderId"),
        ({"payload": {"tenantId": "a#b", "orderId": str(order().id)}}, "tenantId"),
    ],
)
def test_a_message_of_another_form_is_refused_and_the_field_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(PermanentError, match=named):
        events.parse(_body(**changes))


def test_a_refusal_tells_no_value() -> None:
    with pytest.raises(PermanentError) as refused:
        events.parse(_body(payload={"tenantId": "secret value", "orderId": "secret value"}))
    assert "secret" not in str(refused.value)


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_GOOD = [
    json.loads(envelope.encode())
    for envelope in (
        Envelope.of(
            events.OrderCreationRequested(
                order_id=order().id,
                tenant_id=Identifier("tenant-a"),
                created_by="user-1",
                order=OrderRequest.parse_obj(order_request()),
            ),
            "c",
        ),
        samples.order_recorded(order(), "c"),
        samples.invoice_created(order(), "k", "c"),
        samples.order_status_changed(order(status=OrderStatus.PAID), OrderStatus.PENDING_PAYMENT, "c"),
    )
]


@st.composite
def _altered(draw: st.DrawFn) -> str:
    """A good message in which one value, at any depth, is another or is gone."""
    message = json.loads(json.dumps(draw(st.sampled_from(_GOOD))))
    node, name = message, draw(st.sampled_from(sorted(message)))
    while isinstance(node[name], dict) and draw(st.booleans()):
        node = node[name]
        name = draw(st.sampled_from(sorted(node)))
    if draw(st.booleans()):
        node[name] = draw(_json)
    else:
        del node[name]
    return json.dumps(message)


@given(_altered() | st.dictionaries(st.sampled_from(sorted(_GOOD[0])), _json).map(json.dumps))
def test_an_altered_message_is_refused_or_is_one(text: str) -> None:
    try:
        envelope = events.parse(text)
    except PermanentError:
        return
    # Taken for a message, it is one: it can be sent on and read again, and its moment is of this world.
    assert events.parse(envelope.encode()) == envelope
    assert envelope.timestamp.tzinfo is not None


@pytest.mark.parametrize("timestamp", [1_795_000_000, 1e9, "1795000000", "2026-11-24T10:00:00", "2026-11-24", True])
def test_a_timestamp_is_text_with_an_offset(timestamp: object) -> None:
    with pytest.raises(PermanentError, match="timestamp"):
        events.parse(_body(timestamp=timestamp))


@pytest.mark.parametrize("text", ['{"payload":' + "9" * 10**6 + "}", '{"payload":' * 10**5, '"' + "x" * 10**6])
def test_a_message_of_a_deadly_size_is_refused(text: str) -> None:
    with pytest.raises(PermanentError):
        events.parse(text)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(PermanentError):
        events.parse(text)
