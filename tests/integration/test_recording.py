"""Recording batches of orders on a real table: numbers without gaps under concurrency, duplicates, faults and kills."""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from common import clients, counter, recording
from common.errors import OrderRejectedError, RejectionCode, TransientError
from common.order import MAX_HISTORY, Order, OrderDraft, OrderItem, OrderUpdate
from common.recording import Outcome, Recorded
from common.repository import OrderFilter, OrderRepository
from common.settings import settings as names
from common.status import OrderStatus
from common.table_items import attributes_of, item_size, to_order
from localstack.aws import Aws
from tests.support.records import record, recorder, reject
from tests.support.samples import draft, rejected_order

pytestmark = pytest.mark.usefixtures("aws")

# Each test and each example takes its own year, whose counter begins at 1.
_years = count(2100)


class Killed(BaseException):
    """The process was killed."""


def drafts(number: int, year: int, **changes: Any) -> list[OrderDraft]:
    """Orders of a year."""
    return [draft(date_created=datetime(year, 5, 1, tzinfo=UTC), **changes) for _ in range(number)]


def on_record(outcomes: list[Outcome]) -> list[Recorded]:
    """Outcomes that are all orders on record."""
    assert [each for each in outcomes if not isinstance(each, Recorded)] == []
    return [each for each in outcomes if isinstance(each, Recorded)]


def numbers(outcomes: list[Outcome]) -> list[str]:
    """The order numbers of outcomes."""
    return [str(each.order.order_number) for each in on_record(outcomes)]


def first_numbers(year: int, last: int) -> list[str]:
    """The order numbers of a year from 1 to the last."""
    return [f"ORD-{year}-{n:05d}" for n in range(1, last + 1)]


def last_number(aws: Aws, year: int) -> int:
    """What the counter of a year has, read without faults."""
    key = {"PK": {"S": "COUNTER#ORDER"}, "SK": {"S": f"YEAR#{year}"}}
    return int(aws.dynamodb.get_item(TableName=names.orders_table, Key=key)["Item"]["lastNumber"]["N"])


@contextmanager
def calls_through(hook: Callable[[str, Any], AWSResponse | None]) -> Iterator[None]:
    """Pass each call of DynamoDB, by name and body, to a hook before it is sent, which may respond in its place."""
    hooks: Any = clients.dynamodb().meta.events

    def before_send(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        body: Any = request.body
        return hook(event_name.rpartition(".")[2], json.loads(body))

    hooks.register("before-send.dynamodb", before_send, unique_id="before")
    try:
        yield
    finally:
        hooks.unregister("before-send.dynamodb", unique_id="before")


def refusal(**error: Any) -> AWSResponse:
    """A response of DynamoDB with an error."""

    class Body(BytesIO):
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield self.read()

    return AWSResponse(names.orders_table, 400, HTTPHeaders(), Body(json.dumps(error).encode()))


def cancellation(request: Any, reasons: dict[int, str]) -> AWSResponse:
    """The response that a transaction was cancelled, for reasons by the position of their items."""
    codes = [{"Code": reasons.get(n, "None")} for n in range(len(request["TransactItems"]))]
    return refusal(__type="TransactionCanceledException", message="cancelled", CancellationReasons=codes)


def test_record_batch_is_one_transaction() -> None:
    """A batch leases the counter and is written in one transaction, in its order."""
    made, year = list[str](), next(_years)
    with calls_through(lambda name, _: made.append(name)):
        outcomes = recorder().record(drafts(10, year))
    assert made == ["UpdateItem", "TransactWriteItems"]
    assert numbers(outcomes) == first_numbers(year, 10)
    assert all(each.is_new for each in on_record(outcomes))
    for each in on_record(outcomes):
        repository = OrderRepository(clients.dynamodb(), names.orders_table)
        assert repository.get(each.order.tenant_id, each.order.id) == each.order


def test_record_batch_drops_orders_on_record(aws: Aws) -> None:
    """Orders on record keep their numbers, and the others of their batch go on without a gap, in two transactions."""
    made, year = list[str](), next(_years)
    batch = drafts(6, year)
    refused = rejected_order(order_id=batch[5].id, tenant_id=batch[5].tenant_id)
    reject(refused)
    before = numbers(recorder().record([batch[1], batch[3]]))
    with calls_through(lambda name, _: made.append(name)):
        outcomes = on_record(recorder().record(batch))
    assert made == ["UpdateItem", "TransactWriteItems", "TransactWriteItems"]
    assert [each.is_new for each in outcomes] == [True, False, True, False, True, False]
    assert outcomes[5].order == refused
    found = [each.order.order_number for each in outcomes[:5]]
    assert [found[1], found[3]] == before
    assert sorted(map(str, found)) == first_numbers(year, 5)
    assert last_number(aws, year) == 5


def test_record_batch_on_record_releases_the_counter() -> None:
    """A batch without a new order takes no number, and the next one need not wait for its lease to end."""
    made, year = list[str](), next(_years)
    batch = drafts(3, year)
    recorder().record(batch)
    with calls_through(lambda name, _: made.append(name)):
        assert not any(each.is_new for each in on_record(recorder().record(batch)))
        assert numbers(recorder().record(drafts(1, year))) == [f"ORD-{year}-00004"]
    assert made == ["UpdateItem", "TransactWriteItems", "UpdateItem", "UpdateItem", "TransactWriteItems"]


def test_record_batch_with_an_order_twice_writes_it_once(aws: Aws) -> None:
    """Of two messages about an order in a batch, one records it."""
    year = next(_years)
    first, second = drafts(2, year)
    outcomes = on_record(recorder().record([first, second, first]))
    assert [each.is_new for each in outcomes] == [True, True, False]
    assert outcomes[0].order == outcomes[2].order
    assert last_number(aws, year) == 2


def test_record_concurrent_batches_have_no_gap() -> None:
    """Concurrent batches and their redeliveries leave no gap and no duplicate in the numbers."""
    year = next(_years)
    batches = [drafts(5, year) for _ in range(8)]
    again = [*batches, *batches[:3]]
    with ThreadPoolExecutor(max_workers=8) as pool:
        outcomes = [each for batch in pool.map(recorder().record, again) for each in on_record(batch)]
    assert sum(each.is_new for each in outcomes) == 40
    assert sorted({str(each.order.order_number) for each in outcomes}) == first_numbers(year, 40)
    for first, second in zip(outcomes, outcomes[40:], strict=False):
        assert first.order == second.order


def test_record_each_year_starts_at_one() -> None:
    """Numbers start at 1 in each South African year, also within a batch."""
    year = next(_years)
    next(_years)
    eve = [draft(date_created=datetime(year, 12, 31, hour, 59, tzinfo=UTC)) for hour in (21, 22)]
    assert numbers(recorder().record(eve)) == [f"ORD-{year}-00001", f"ORD-{year + 1}-00001"]


def test_record_splits_what_does_not_fit() -> None:
    """A transaction has at most 100 items and 4 MB; the numbers go on in the next one."""
    sizes, year = list[int](), next(_years)

    def measure(name: str, request: Any) -> None:
        if name == "TransactWriteItems":
            sizes.append(len(request["TransactItems"]) - 1)

    line = {"productId": "p-1", "name": "é" * 200, "quantity": 1, "unitPrice": "1.00", "lineTotal": "1.00"}
    large = drafts(9, year, items=[OrderItem.parse_obj(line)] * 700)
    with calls_through(measure):
        found = numbers(recorder().record([*drafts(120, year), *large]))
    assert found == first_numbers(year, 129)
    assert sizes[0] == 99
    assert sum(sizes) == 129
    assert len(sizes) > 2


def test_record_invalid_order_fails_alone() -> None:
    """An order that DynamoDB refuses fails, and takes no number from the others of its batch."""
    year = next(_years)
    batch = drafts(4, year)

    def refuse(_: str, request: Any) -> AWSResponse | None:
        ids = [each["Put"]["Item"]["id"]["S"] for each in request.get("TransactItems", [])[1:]]
        if str(batch[0].id) in ids:
            return cancellation(request, {1 + ids.index(str(batch[0].id)): "ValidationError"})
        # Not every refusal says which item it means.
        return refusal(__type="ValidationException", message="invalid") if str(batch[2].id) in ids else None

    with calls_through(refuse):
        outcomes = recorder().record(batch)
    assert [type(each).__name__ for each in outcomes] == [
        "TransactionCanceledException",
        "Recorded",
        "ClientError",
        "Recorded",
    ]
    assert numbers(outcomes[1::2]) == first_numbers(year, 2)


def test_record_contended_counter_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that another writer always has is a transient error."""
    monkeypatch.setattr(recording, "_MAX_BACKOFF_SECONDS", 0)
    monkeypatch.setattr(counter.Counter, "lease", lambda _: None)
    with pytest.raises(TransientError, match="after 60 attempts"):
        record(draft())


def test_record_goes_on_after_the_lease_of_a_killed_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease keeps other writers out; one that its writer did not live to use ends by itself."""

    def lease(seconds: float, year: int) -> int | None:
        monkeypatch.setattr(counter, "LEASE_SECONDS", seconds)
        return counter.Counter(clients.dynamodb(), names.orders_table, year).lease()

    year, other_year = next(_years), next(_years)
    assert lease(600, year) == 0
    assert lease(600, year) is None
    assert lease(0.2, other_year) == 0
    assert numbers(recorder().record(drafts(2, other_year))) == first_numbers(other_year, 2)


def test_record_lost_response_is_repeated_by_the_sdk(aws: Aws) -> None:
    """If the response of a transaction is lost, the SDK repeats the request, and DynamoDB recognises it."""
    year, sent = next(_years), list[str]()

    def lose_first(name: str, request: Any) -> None:
        if name == "TransactWriteItems":
            sent.append(request["ClientRequestToken"])
            if len(sent) == 1:
                aws.dynamodb.transact_write_items(**request)
                raise ConnectionClosedError(endpoint_url="dynamodb")

    with calls_through(lose_first):
        outcomes = on_record(recorder().record(drafts(3, year)))
    assert sent == [sent[0]] * 2
    assert [each.is_new for each in outcomes] == [True] * 3
    assert last_number(aws, year) == 3


def test_record_other_failure_is_not_retried() -> None:
    """Another failure of DynamoDB is an error of each order."""
    lost = recording.OrderRecorder(clients.dynamodb(), "no-such-table").record(drafts(2, 2100))
    assert all(isinstance(each, ClientError) and "ResourceNotFoundException" in str(each) for each in lost)


def test_recorded_and_rejected_orders_stay() -> None:
    """A recorded order cannot be rejected any more, and a rejected one cannot be recorded."""
    tenant_id = f"tenant-{uuid4().hex[:8]}"
    order = record(draft(tenant_id)).order
    again = reject(rejected_order(tenant_id=tenant_id, order_id=order.id))
    assert (again.order, again.is_new) == (order, False)
    refused = reject(rejected_order(tenant_id=tenant_id)).order
    recorded = record(draft(tenant_id, order_id=refused.id))
    assert (recorded.order, recorded.is_new) == (refused, False)
    repository = OrderRepository(clients.dynamodb(), names.orders_table)
    assert repository.list_by_date(tenant_id, 10, OrderFilter(status=OrderStatus.REJECTED)).orders == [refused]


def test_record_largest_order_has_room_for_changes() -> None:
    """The largest order that is recorded can be changed as often as its history holds, and invoiced."""
    tenant_id, repository = f"tenant-{uuid4().hex[:8]}", OrderRepository(clients.dynamodb(), names.orders_table)

    def lines(size: int) -> list[OrderItem]:
        line = {"productId": "p-1", "name": "é" * 200, "quantity": 1, "unitPrice": "1.00", "lineTotal": "1.00"}
        return [OrderItem.parse_obj(line)] * size

    def is_recorded(size: int) -> bool:
        try:
            record(draft(tenant_id, items=lines(size)))
            return True
        except OrderRejectedError:
            return False

    # The number of lines that are the first too many.
    size = bisect_left(range(1_000), True, key=lambda size: not is_recorded(size))
    with pytest.raises(OrderRejectedError, match=RejectionCode.ORDER_TOO_LARGE):
        record(draft(tenant_id, items=lines(size)))
    order = record(draft(tenant_id, items=lines(size - 1))).order
    assert item_size(attributes_of(order)) > 380 * 1024
    payment = {"method": "INSTANT_EFT", "transactionId": "t" * 64, "paidAt": "2026-11-24T10:00:00.000001Z"}
    change = OrderUpdate.parse_obj({"paymentDetails": payment})
    for version in range(1, MAX_HISTORY + 5):
        order = repository.update(order.change(change, expected_version=version, by="u" * 64, at=datetime.now(UTC)))
    assert len(order.history) == MAX_HISTORY
    repository.set_invoice_key(tenant_id, order.id, f"{'t' * 64}/orders/order_{order.id}.pdf")
    stored = repository.get(tenant_id, order.id)
    assert stored is not None
    assert item_size(attributes_of(stored)) < 400 * 1024


class Faults:
    """Injects a fault into each call of DynamoDB, in turn; none after the last."""

    def __init__(self, kinds: list[tuple[str, int]], other: Callable[[], object]) -> None:
        self._kinds = iter(kinds)
        self._other = other
        self._kill = False

    def before(self, name: str, request: Any) -> AWSResponse | None:
        """Inject the next fault."""
        kind, position = next(self._kinds, ("none", 0))
        event(f"{kind} at {name}")
        match kind, name:
            case "kill before", _:
                raise Killed
            case "kill after", _:
                self._kill = True
            case "conflict", "TransactWriteItems":
                return cancellation(request, {position % len(request["TransactItems"]): "TransactionConflict"})
            case "conflict", _:
                return refusal(__type="TransactionConflictException", message="conflict")
            case "other writer", "TransactWriteItems":
                self._other()
        return None

    def after(self) -> None:
        """Kill the process after a call that took effect."""
        if self._kill:
            self._kill = False
            raise Killed


def count_on(aws: Aws, year: int, order: OrderDraft) -> None:
    """Record an order as a writer whose lease has ended: it heeds no other."""
    last = last_number(aws, year)
    item = attributes_of(Order.of(order, f"ORD-{year}-{last + 1:05d}"))
    increment = counter.Counter(aws.dynamodb, names.orders_table, year).increment(last, 1)
    aws.dynamodb.transact_write_items(
        TransactItems=[increment, {"Put": {"TableName": names.orders_table, "Item": item}}]
    )


_KINDS = st.sampled_from(["none", "none", "conflict", "kill before", "kill after", "other writer"])


@given(
    batches=st.lists(st.lists(st.integers(0, 15), min_size=1, max_size=10), min_size=1, max_size=5),
    faults=st.lists(st.tuples(_KINDS, st.integers(0, 10)), max_size=12),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_record_random_batches_have_no_gap(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, batches: list[list[int]], faults: list[tuple[str, int]]
) -> None:
    """Whatever batches come with duplicates, conflicts, other writers and kills: one number an order, and no gap."""
    monkeypatch.setattr(counter, "LEASE_SECONDS", 0.01)
    monkeypatch.setattr(recording, "_MAX_BACKOFF_SECONDS", 0.02)
    year, tenant_id = next(_years), f"tenant-{uuid4().hex[:8]}"
    orders = drafts(16, year, tenant_id=tenant_id)
    others: list[UUID] = []

    def other_writer() -> None:
        (order,) = drafts(1, year, tenant_id=tenant_id)
        count_on(aws, year, order)
        others.append(order.id)

    injected = Faults(faults, other_writer)
    seen: dict[UUID, set[str]] = {}
    left = [[orders[n] for n in batch] for batch in batches]
    hooks = clients.dynamodb().meta.events
    hooks.register("after-call.dynamodb", lambda **_: injected.after(), unique_id="kill")
    try:
        with calls_through(injected.before):
            while left:
                batch = left.pop(0)
                try:
                    for each in on_record(recorder().record(batch)):
                        seen.setdefault(each.order.id, set()).add(str(each.order.order_number))
                except Killed:
                    # Delivered again, after the others.
                    left.append(batch)
    finally:
        hooks.unregister("after-call.dynamodb", unique_id="kill")
    found = clients.dynamodb().query(
        TableName=names.orders_table,
        ConsistentRead=True,
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"TENANT#{tenant_id}"}},
    )
    stored = {order.id: order.order_number for order in map(to_order, found["Items"])}
    expected = {orders[n].id for batch in batches for n in batch} | set(others)
    assert set(stored) == expected
    assert sorted(map(str, stored.values())) == first_numbers(year, len(expected))
    assert last_number(aws, year) == len(expected)
    assert {order_id: {str(stored[order_id])} for order_id in seen} == seen
