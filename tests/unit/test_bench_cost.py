"""What orders cost: request units, counted calls, prices, and the bill that is made of them."""

from collections import Counter
from datetime import date
from typing import Any

import pytest

from labs.bench import bill, cost, power, prices, units
from labs.bench.bill import Bill, Use
from labs.bench.counted import Call, of_one
from labs.bench.needed import NEEDED
from labs.bench.units import Units
from localstack.stack import StackError
from tooling.paths import ROOT

ORDER = {"PK": {"S": "TENANT#a"}, "SK": {"S": "ORDER#1"}, "GSI1_PK": {"S": "TENANT#a"}, "text": {"S": "x" * 1_500}}
COUNTER = {"PK": {"S": "COUNTER#ORDER"}, "lastNumber": {"N": "7"}}
INDEXES = {"orders": 2, "notes": 0}


def of_call(action: str, request: dict[str, Any], item: units.Item = ORDER) -> Units:
    return units.of_call(action, request, lambda table, key: item, INDEXES)


class TestUnits:
    @pytest.mark.parametrize(
        ("value", "size"),
        [
            ({"S": "Zoë"}, 4),
            ({"N": "1234"}, 3),
            ({"N": "-12.30"}, 4),
            ({"BOOL": True}, 1),
            ({"NULL": True}, 1),
            ({"L": [{"S": "ab"}, {"N": "1"}]}, 3 + 1 + 2 + 1 + 2),
            ({"M": {"ab": {"S": "cd"}}}, 3 + 1 + 2 + 2),
        ],
    )
    def test_an_attribute_counts_with_its_name_and_its_value(self, value: dict[str, Any], size: int) -> None:
        assert units.item_bytes({"name": value}) == 4 + size

    def test_a_kind_of_attribute_that_nobody_writes_is_not_guessed(self) -> None:
        with pytest.raises(ValueError, match="SS"):
            units.item_bytes({"name": {"SS": ["a"]}})

    def test_a_read_takes_a_unit_for_four_kilobytes_and_half_if_it_may_be_old(self) -> None:
        large = {**ORDER, "text": {"S": "x" * 5_000}}
        request = {"TableName": "orders", "Key": {}}
        assert of_call("GetItem", {**request, "ConsistentRead": True}, large) == (2, 0)
        assert of_call("GetItem", request, large) == (1, 0)
        assert of_call("GetItem", {**request, "ConsistentRead": True}, {}) == (1, 0)

    def test_a_write_takes_a_unit_for_a_kilobyte_in_the_table_and_in_each_index(self) -> None:
        assert of_call("UpdateItem", {"TableName": "orders", "Key": {}}) == (0, 2 * 3)
        assert of_call("PutItem", {"TableName": "notes", "Item": {"id": {"S": "1"}}}) == (0, 1)

    def test_a_transaction_takes_two_units_for_each_in_the_table_and_one_in_an_index(self) -> None:
        parts = [
            {"Update": {"TableName": "orders", "Key": {"PK": {"S": "COUNTER#ORDER"}}}},
            {"Put": {"TableName": "orders", "Item": ORDER}},
        ]
        assert of_call("TransactWriteItems", {"TransactItems": parts}, COUNTER) == (0, 2 + 2 * (2 + 2))

    def test_a_call_that_no_order_makes_is_not_guessed(self) -> None:
        with pytest.raises(ValueError, match="Scan"):
            of_call("Scan", {"TableName": "orders"})


class TestCalls:
    def test_orders_that_are_alike_count_as_one(self) -> None:
        put, sent = Call("create_order", "dynamodb:PutItem", "notes"), Call("create_order", "sqs:SendMessage", "queue")
        assert of_one([put, put, sent, put, put], 1)[put] == 4
        assert of_one([put, sent, put, sent], 2) == Counter({put: 1, sent: 1})

    def test_orders_that_differ_are_refused_and_the_call_is_named(self) -> None:
        with pytest.raises(StackError, match=r"create_order sqs:SendMessage queue.*`make queues`"):
            of_one([Call("create_order", "sqs:SendMessage", "queue")], 2)

    def test_a_call_without_a_reason_is_shown(self) -> None:
        needed = Call(*NEEDED[0][:3])
        table = cost.calls_table(Counter({needed: 1, Call("get_order", "dynamodb:Scan", "orders"): 2}))
        assert NEEDED[0].why in table
        assert "| get_order | dynamodb:Scan | orders | 2 | **not needed** |" in table
        assert "| all | | | 3 | |" in table

    def test_each_needed_call_is_needed_once(self) -> None:
        assert len({needed[:3] for needed in NEEDED}) == len(NEEDED)


class TestPrices:
    def test_a_price_says_of_when_it_is_and_where_it_was_read(self) -> None:
        for name, price in prices.prices().items():
            assert price.usd > 0, name
            assert date.fromisoformat(price.as_of), name
            assert price.page.startswith("https://"), name
        lines = prices.table().splitlines()[2:]
        assert len(lines) == len(prices.prices())
        for price, line in zip(prices.prices().values(), lines, strict=True):
            assert price.as_of in line
            assert price.page in line

    def test_the_document_has_the_prices_that_were_used(self) -> None:
        assert prices.table() in (ROOT / "docs" / "cost.md").read_text()


class TestPower:
    def test_below_one_vcpu_computing_takes_longer_and_waiting_does_not(self) -> None:
        assert power.modelled_seconds(0.1, 0.05, 1_769) == 0.15
        assert power.modelled_seconds(0.1, 0.05, 3_538) == 0.15
        assert power.modelled_seconds(0.2, 0, 884) == pytest.approx(0.401)

    def test_a_call_is_billed_by_size_and_time_and_itself(self) -> None:
        second, call = (prices.prices()[name].each for name in ("lambda_gb_second", "lambda_request"))
        assert power.usd_per_million(0.5, 512) == pytest.approx(1e6 * (second * 0.25 + call))


class TestBill:
    order = Bill(
        order=(Use("mails", "ses_mail", 2), Use("requests", "api_request", 1)),
        kept=(Use("invoices", "s3_gb_month", 1e-5),),
        fixed=(Use("alarms", "alarm_month", 10),),
    )

    def test_a_million_orders_cost_what_each_uses(self) -> None:
        assert self.order.million() == pytest.approx(200 + prices.prices()["api_request"].usd)

    def test_a_month_has_what_is_ordered_what_is_kept_and_what_is_fixed(self) -> None:
        orders = 730 * 60
        month = self.order.month(1, months_kept=3)
        assert month["mails"] == pytest.approx(orders * 2 * 0.0001)
        assert month["invoices"] == pytest.approx(orders * 3 * 1e-5 * 0.0274)
        assert month["alarms"] == pytest.approx(1)
        assert month["traces"] == pytest.approx(orders * 5e-6)
        assert self.order.month(0) == {"mails": 0, "requests": 0, "invoices": 0, "alarms": 1, "traces": 0}

    def test_above_one_a_second_one_in_twenty_is_traced(self) -> None:
        seconds = 730 * 3_600
        assert bill.traces(60) == pytest.approx(seconds)
        assert bill.traces(660) == pytest.approx(seconds * 1.5)

    def test_the_tables_begin_with_the_dearest_and_end_with_all(self) -> None:
        lines = bill.order_table(self.order).splitlines()
        assert lines[2].startswith("| mails | 2 mails, à la carte | 200.00 |")
        assert lines[-1] == f"| all | | {self.order.million():.2f} |"
        months = bill.month_table(self.order).splitlines()
        assert months[0] == "| part | 1 a minute | 100 a minute | 10,000 a minute |"
        assert months[2].startswith("| mails |")
        assert months[-1].startswith("| all |")
