"""What the bench makes of the API's times, of reads, and of order numbers."""

import io
import threading
import zipfile
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from common.repository import attributes_of
from labs.bench import api, listing, numbers, orders
from labs.bench.answers import Round
from labs.bench.calls import Calls
from labs.bench.floors import beside
from localstack.stack import StackError


def test_a_row_has_the_percentile_of_each_round() -> None:
    hundred = [n / 1000 for n in range(1, 101)]
    row = api.row("GET", 0.95, [Round(hundred, [0.05] * 100), Round([0.06], [0.05])], "one call")
    assert (row.what, row.ours, row.floor) == ("GET, p95", (0.095, 0.06), (0.05, 0.05))
    assert row.judged == pytest.approx((1.9, 1.2))
    assert row.kept is False


def test_what_a_client_asks_is_counted_with_what_was_read_and_what_failed() -> None:
    client = boto3.client("dynamodb")
    calls = Calls(client)
    with Stubber(client) as engine:
        for scanned in (100, 7):
            engine.add_response("query", {"Items": [], "ScannedCount": scanned})
            client.query(TableName="t")
        engine.add_client_error("transact_write_items", "TransactionCanceledException", http_status_code=400)
        with pytest.raises(ClientError):
            client.transact_write_items(TransactItems=[{"Delete": {"TableName": "t", "Key": {"PK": {"S": "a"}}}}])
        calls.end()
        engine.add_response("query", {"Items": [], "ScannedCount": 1})
        client.query(TableName="t")
    assert calls.operations == {"Query": 2, "TransactWriteItems": 1}
    assert calls.items_read == 107
    assert calls.errors == {"TransactionCanceledException": 1}


def test_one_order_in_a_thousand_has_another_status() -> None:
    made = list(orders.orders("tenant-a", range(990, 2_010)))
    assert [n for n, order in enumerate(made, start=990) if order.status is orders.SELDOM] == [1_000, 2_000]
    assert len({order.id for order in made}) == len(made)
    assert [order.date_created for order in made] == sorted(order.date_created for order in made)


def test_orders_are_taken_out_by_the_keys_that_they_were_put_in_by() -> None:
    client: Any = FakeTable()
    done: list[int] = []
    orders.write(client, "t", "tenant-a", 60, done.append)
    expected = [attributes_of(order) for order in orders.orders("tenant-a", range(60))]
    assert sorted(client.items) == sorted((item["PK"]["S"], item["SK"]["S"]) for item in expected)
    assert sorted(done) == [10, 25, 25]
    orders.remove(client, "t", "tenant-a", 60, done.append)
    assert client.items == {}


class FakeTable:
    """Keeps items by their key, and leaves the last request of each batch for another call."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Any] = {}

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
        ((table, requests),) = RequestItems.items()
        now, later = (requests[:-1], requests[-1:]) if len(requests) > 1 else (requests, [])
        for request in now:
            if "PutRequest" in request:
                item = request["PutRequest"]["Item"]
                self.items[item["PK"]["S"], item["SK"]["S"]] = item
            else:
                key = request["DeleteRequest"]["Key"]
                del self.items[key["PK"]["S"], key["SK"]["S"]]
        return {"UnprocessedItems": {table: later} if later else {}}


def test_every_batch_does_its_share_and_all_do_it_at_once() -> None:
    done: list[int] = []
    # Nobody passes before all are there.
    together = threading.Barrier(numbers.BATCHES, timeout=30)

    def one(n: int) -> None:
        together.wait()
        done.append(n)

    assert numbers.at_once(one, numbers.BATCHES, each=2) > 0
    assert sorted(done) == list(range(2 * numbers.BATCHES))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["ORD-2090-00001", "ORD-2090-00003"], "none is ORD-2090-00002"),
        (["ORD-2090-00001", "ORD-2090-00002", "ORD-2090-00002"], "given twice"),
        (["ORD-2090-00001"], "1 orders were numbered, of 2"),
    ],
)
def test_a_gap_or_a_number_given_twice_is_an_error(given: list[str], told: str) -> None:
    with pytest.raises(StackError, match=told):
        numbers.require_no_gap(given, 2090, 2)


def test_numbers_without_a_gap_may_come_in_any_order() -> None:
    numbers.require_no_gap(["ORD-2090-00002", "ORD-2090-00001"], 2090, 2)


@pytest.mark.parametrize("floor", [beside.CREATE, beside.GET, beside.LIST])
def test_a_floor_calls_aws_with_the_clients_of_the_functions(floor: beside.Floor) -> None:
    with zipfile.ZipFile(io.BytesIO(beside.package(floor.source))) as archive:
        assert sorted(archive.namelist()) == ["common/__init__.py", "common/clients.py", "floor.py"]
        assert b"def handler(" in archive.read("floor.py")


def test_a_page_takes_so_many_requests_as_its_status_is_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = iter([(3, "a"), (0, "b"), (47, "c")])

    class Repository:
        def list_by_date(self, tenant: str, size: int, narrowed: Any, position: str | None) -> Any:
            count, following = next(pages)
            assert count <= size
            return type("Page", (), {"orders": [None] * count, "position": following})

    calls = type("Seen", (), {"items_read": 2_100, "operations": {"Query": 21}})
    monkeypatch.setattr(listing, "_repository", lambda _: (Repository(), calls))
    row = listing.requests_for_a_seldom_status(None, 100_000)  # type: ignore[arg-type]
    assert row.ours == (3,)
    assert row.note.startswith("2,100 orders read in 21 queries;")
