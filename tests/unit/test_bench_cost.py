"""What orders cost: measured calls, request units and prices."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from math import inf
from typing import Any
from uuid import uuid4

import pytest

from common.events import OrderCreationRequested
from common.models import Campaign, Cart, OrderRequest
from common.order import Order
from common.pricing import draft_order
from common.table_items import attributes_of, item_size
from labs.bench import cost
from labs.bench.cost import BOTH, COUNTER, MARKER, ORDER, PRICES, RECORD, REQUIRED, Call, Use, call, of_one
from localstack import demo
from localstack.stack import StackError
from tooling.paths import FIXTURES, ROOT

PUT, SEND = Call("create_order", "dynamodb:PutItem", RECORD), Call("create_order", "sqs:SendMessage", "creation queue")


GET = Call("f", "dynamodb:GetItem", ORDER)


def event(service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
    return {
        "EventSource": f"{service}.amazonaws.com",
        "EventName": name,
        "CloudTrailEvent": json.dumps({"requestParameters": request}),
    }


@pytest.mark.parametrize(
    ("service", "name", "request_", "expected"),
    [
        ("dynamodb", "PutItem", {"TableName": "bbws-order-idempotency-local"}, ("dynamodb:PutItem", RECORD)),
        (
            "dynamodb",
            "UpdateItem",
            {"TableName": "orders", "Key": {"PK": {"S": "COUNTER#ORDER"}}},
            ("dynamodb:UpdateItem", COUNTER),
        ),
        ("dynamodb", "GetItem", {"TableName": "orders", "Key": {"PK": {"S": "TENANT#a"}}}, ("dynamodb:GetItem", ORDER)),
        ("dynamodb", "TransactWriteItems", {"TransactItems": []}, ("dynamodb:TransactWriteItems", BOTH)),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "bbws-order-idempotency-local"}}]},
            ("dynamodb:TransactWriteItems", RECORD),
        ),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"orders": {}}}, ("dynamodb:BatchGetItem", ORDER)),
        ("ses", "Unknown", {"Action": "SendRawEmail"}, ("ses:SendRawEmail", "mail")),
    ],
)
def test_call_names_action_and_target(
    service: str, name: str, request_: dict[str, Any], expected: tuple[str, str]
) -> None:
    """An event of CloudTrail becomes a call with what it reads or writes."""
    assert call("f", event(service, name, request_)) == ("f", *expected)


def test_call_of_create_order_names_the_marker() -> None:
    """What create_order puts into the orders table is the marker of the acceptance."""
    put = event("dynamodb", "PutItem", {"TableName": "orders", "Item": {"PK": {"S": "TENANT#a"}}})
    assert call("create_order", put) == ("create_order", "dynamodb:PutItem", MARKER)


def test_of_one_divides_equal_orders() -> None:
    """The calls of several equal orders are those of one, times their number."""
    assert of_one(Counter([PUT, SEND, PUT, SEND]), 2) == Counter({PUT: 1, SEND: 1})


def test_of_one_refuses_different_orders() -> None:
    """The error names the call that not every order made."""
    with pytest.raises(StackError, match=r"create_order sqs:SendMessage creation queue.*`bin/ops queues"):
        of_one(Counter([SEND]), 2)


class Trail:
    """LookupEvents as the engine has it: the newest events first, 50 at most, and times in whole seconds.

    Args:
        times: When the events were, in seconds since the epoch.
    """

    def __init__(self, times: list[float]) -> None:
        self._times = times

    def lookup_events(self, **request: Any) -> dict[str, Any]:
        """The newest events of a time."""
        first, last = (int(request[name].timestamp()) if name in request else None for name in ("StartTime", "EndTime"))
        found = [
            {"EventId": str(number), "EventTime": datetime.fromtimestamp(time, UTC)}
            for number, time in enumerate(self._times)
            if (first or 0) <= time <= (last or inf)
        ]
        return {"Events": found[::-1][: min(request["MaxResults"], 50)]}


def test_events_since_reads_more_than_a_page() -> None:
    """All events since a time are read, each once, and none before."""
    times = [1_000 + number / 20 for number in range(130)]
    found = cost.events_since(Trail(times), "key", datetime.fromtimestamp(1_000.25, UTC))
    assert sorted(int(event["EventId"]) for event in found) == list(range(5, 130))


def test_events_since_refuses_a_second_with_more_than_a_page() -> None:
    """Events that the engine does not return are an error."""
    with pytest.raises(StackError, match="50 calls or more within a second"):
        cost.events_since(Trail([1_000 + number / 200 for number in range(60)]), "key", datetime.fromtimestamp(0, UTC))


def test_request_units_follow_size_and_indexes() -> None:
    """A write costs a unit for each KB in table and indexes, in a transaction twice in the table."""
    size = 2
    assert units(3, GET) == (3, 0)
    assert units(2, PUT) == (0, 2)
    assert units(1, Call("create_order", "dynamodb:PutItem", MARKER)) == (0, 1)
    assert units(1, Call("f", "dynamodb:UpdateItem", ORDER)) == (0, 3 * size)
    assert units(1, Call("f", "dynamodb:TransactWriteItems", BOTH)) == (0, 2 + size * (2 + 2))


def test_request_units_of_a_batch_follow_its_orders() -> None:
    """A batch reads and writes each of its orders, and the counter once; claims cost twice in a transaction."""
    size = 2
    assert units(1, Call("f", "dynamodb:BatchGetItem", ORDER), orders=10) == (10, 0)
    assert units(1, Call("f", "dynamodb:TransactWriteItems", BOTH), orders=10) == (0, 2 + 10 * size * (2 + 2))
    assert units(1, Call("f", "dynamodb:TransactWriteItems", RECORD), orders=10) == (0, 20)


def units(times: int, of: Call, orders: int = 1) -> tuple[float, float]:
    return cost.request_units(Counter({of: times}), orders)


def test_batch_of_ten_needs_at_most_fourteen_calls_an_order() -> None:
    """In full batches, an order needs 13.7 calls; alone, 20."""
    assert len(REQUIRED) == 20
    assert cost.REQUIRED_BATCH.total() == 137


def test_order_kb_is_the_size_of_an_item() -> None:
    """The demo order, which has a campaign and three lines, is an item of one to two KB."""
    request = OrderRequest.parse_obj(demo.order())
    cart = Cart.parse_obj(json.loads((FIXTURES / "carts.json").read_text())[0])
    campaign = Campaign.parse_obj(json.loads((FIXTURES / "campaigns.json").read_text())[0])
    requested = OrderCreationRequested(
        order_id=uuid4(), tenant_id=cart.tenant_id, created_by=str(uuid4()), order=request
    )
    placed = draft_order(requested, cart, campaign, placed_at=datetime(2026, 11, 26, tzinfo=UTC))
    key = f"{cart.tenant_id}/orders/order_{placed.id}.pdf"
    item = attributes_of(Order.of(placed.copy(update={"invoice_key": key}), "ORD-2026-00001"))
    assert item_size(item) / 1024 == pytest.approx(cost.ORDER_KB, abs=0.05)


def test_price_has_date_and_source() -> None:
    """Each price names its date and the page that it was read on."""
    for name, price in PRICES.items():
        assert price["usd"] > 0, name
        assert date.fromisoformat(price["as_of"]), name
        assert price["page"].startswith("https://"), name


def test_cost_document_has_the_prices() -> None:
    """docs/cost.md shows the prices that the bench calculates with."""
    assert cost.prices_table() in (ROOT / "docs" / "cost.md").read_text()


def test_calls_table_marks_calls_that_are_not_required() -> None:
    """A call without a reason stands out."""
    one = Counter({PUT: 1, Call("get_order", "dynamodb:Scan", ORDER): 2})
    table = cost.calls_table(one, Counter({PUT: 10}))
    assert REQUIRED[PUT] in table
    assert "| get_order | dynamodb:Scan | order | 2 | 0 | **not required** |" in table
    assert "| all |  |  | 3 | 10 |  |" in table


def test_use_table_begins_with_the_most_expensive() -> None:
    """Uses are sorted by cost, and the last line has the sum."""
    uses = [Use("requests", "api_request", 1), Use("mails", "ses_mail", 2)]
    in_batch = [Use("requests", "api_request", 1), Use("mails", "ses_mail", 1)]
    lines = cost.use_table(uses, in_batch).splitlines()
    assert lines[2].startswith("| mails | 2 mails, à la carte | 200.00 | 1 | 100.00 |")
    price = PRICES["api_request"]["usd"]
    assert lines[-1] == f"| all |  | {200 + price:.2f} |  | {100 + price:.2f} |"


def test_durations_are_those_of_lambdas_reports() -> None:
    """Each REPORT line has the duration of one call, in milliseconds."""
    lines = ["START RequestId: a", "REPORT RequestId: a\tDuration: 1250.50 ms\tBilled Duration: 1251 ms", '{"a": 1}']
    assert cost.durations(lines) == [1.2505]


def test_calls_for_each_order_of_a_batch_take_as_long_as_alone() -> None:
    """What ran at the same time on few cores is not taken for what Lambda bills; a call for all orders is."""
    alone = cost.Measured(1, Counter(), {"pdf": 1, "record": 1}, {"pdf": 0.1, "record": 0.02}, 0, 0)
    batch = cost.Measured(10, Counter(), {"pdf": 10, "record": 1}, {"pdf": 5.0, "record": 0.05}, 0, 0)
    assert cost.undisturbed(alone, batch).seconds == {"pdf": 1.0, "record": 0.05}
