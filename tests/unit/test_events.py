"""The message envelope: what is written can be read, and what cannot be read is refused."""

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


def test_envelope_has_agreed_fields() -> None:
    """The envelope has exactly the agreed fields."""
    assert set(json.loads(_body())) == {"messageId", "timestamp", "eventType", "version", "correlationId", "payload"}


def test_parse_encoded_event_is_equal() -> None:
    """Every event is equal to itself after encoding and parsing."""
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


def test_message_id_same_event_is_same() -> None:
    """The same event has the same message id; another event has another."""
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
def test_parse_invalid_field_is_refused(changes: dict[str, Any], named: str) -> None:
    """A message with an invalid field is refused and the field named."""
    with pytest.raises(PermanentError, match=named):
        events.parse(_body(**changes))


def test_parse_refusal_contains_no_value() -> None:
    """The text of a refusal contains no value of the message."""
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
    """A valid message in which one value, at any depth, is replaced or removed."""
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
def test_parse_altered_message_is_refused_or_valid(text: str) -> None:
    """An altered message is refused, or is a valid message."""
    try:
        envelope = events.parse(text)
    except PermanentError:
        return
    # What is accepted can be sent and parsed again, and its timestamp has an offset.
    assert events.parse(envelope.encode()) == envelope
    assert envelope.timestamp.tzinfo is not None


@pytest.mark.parametrize("timestamp", [1_795_000_000, 1e9, "1795000000", "2026-11-24T10:00:00", "2026-11-24", True])
def test_parse_timestamp_without_offset_is_refused(timestamp: object) -> None:
    """A timestamp that is not text with an offset is refused."""
    with pytest.raises(PermanentError, match="timestamp"):
        events.parse(_body(timestamp=timestamp))


@pytest.mark.parametrize("text", ['{"payload":' + "9" * 10**6 + "}", '{"payload":' * 10**5, '"' + "x" * 10**6])
def test_parse_huge_message_is_refused(text: str) -> None:
    """A message that is too deep or too long to be parsed is refused."""
    with pytest.raises(PermanentError):
        events.parse(text)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_parse_any_other_text_is_refused(text: str) -> None:
    """Any other text is refused."""
    with pytest.raises(PermanentError):
        events.parse(text)
