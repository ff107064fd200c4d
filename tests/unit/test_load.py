"""What a load test says of its steps, and what it refuses to do."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from labs.load import __main__ as load
from labs.load import plan as plans
from labs.load import plot, table
from labs.load.plan import Customer, Plan
from labs.load.steps import Answer, Step, failures, from_json, measured, to_json
from localstack.stack import StackError
from tooling.paths import ROOT


def answers(posts: int, reads: int = 0, seconds: float = 0.05) -> list[Answer]:
    return [Answer("POST order", seconds)] * posts + [Answer("GET order", 0.02, late=False)] * reads


class TestSteps:
    def test_a_step_has_the_rate_that_was_reached_and_the_times_of_each_kind(self) -> None:
        times = [n / 1000 for n in range(1, 101)]
        step = measured(10, 20, [*(Answer("POST order", seconds) for seconds in times), *answers(0, 100)])
        assert (step.reached, step.orders) == (10, 5)
        assert step.times["POST order"] == (100, 0.050, 0.095, 0.099)
        assert set(step.times) == {"POST order", "GET order"}
        assert step.broken == []

    @pytest.mark.parametrize(
        ("found", "why"),
        [
            (answers(190) + answers(10, seconds=0.4), None),
            (
                answers(189) + answers(11, seconds=0.3),
                "p95 of POST is 300 ms, 0 ms of them the way, R8 asks for less than 300 ms",
            ),
            (
                [*answers(199), Answer("GET list", 0.1, "status 503")],
                r"0\.5% errors \(1 × status 503\), less than 0\.1%",
            ),
            ([*answers(190), Answer("GET order", 0.1, late=True), *answers(0, 19)], None),
            (
                answers(180) + [Answer("GET order", 0.1, late=True)] * 2 + answers(0, 18),
                "10% of the orders are not on record after 2 s, R8 allows 5%",
            ),
            (answers(0, 200), "no order was answered"),
            (answers(170), "8.5 of 10 requests a second were answered"),
            (answers(171), None),
        ],
    )
    def test_each_limit_breaks_where_it_is_and_not_before(self, found: list[Answer], why: str | None) -> None:
        broken = measured(10, 20, found).broken
        assert [re.match(why or "", each) is not None for each in broken] == ([True] if why else [])

    def test_one_error_in_two_thousand_is_allowed(self) -> None:
        found = [*answers(1999), Answer("GET list", 0.1, "no answer")]
        assert measured(100, 20, found).broken == []
        assert measured(50, 20, found[1000:]).broken == ["0.1% errors (1 × no answer), less than 0.1% are allowed"]

    def test_the_way_to_a_far_runner_is_not_the_service(self) -> None:
        far = answers(200, seconds=0.5)
        assert measured(10, 20, far, way=0.21).broken == []
        assert measured(10, 20, far, way=0.2).broken == [
            "p95 of POST is 500 ms, 200 ms of them the way, R8 asks for less than 300 ms"
        ]

    def test_an_early_read_says_nothing_of_lateness(self) -> None:
        step = measured(10, 20, [*answers(200), Answer("GET order", 0.1, late=None)])
        assert (step.looked, step.late_share) == (0, 0)

    def test_json_holds_all_of_a_step(self) -> None:
        step = measured(10, 20, [*answers(3, 4), Answer("GET list", 0.1, "status 503")])
        assert from_json(to_json(step)) == step


def good(rate: float) -> Step:
    return measured(rate, 20, answers(round(rate * 20)))


def bad(rate: float) -> Step:
    return measured(rate, 20, answers(round(rate * 20), seconds=0.5))


class TestGate:
    def test_what_holds_up_to_the_gate_passes(self) -> None:
        assert failures([good(5), good(10), bad(20)], 10) == []

    def test_a_limit_that_breaks_at_the_gate_or_below_fails(self) -> None:
        (why,) = failures([good(5), bad(10)], 20)
        assert why.startswith("at 10 requests a second p95 of POST is 500 ms")
        assert len(failures([good(5), bad(10)], 10)) == 1

    def test_a_gate_that_was_not_come_to_fails(self) -> None:
        assert failures([good(5)], 10) == ["10 requests a second were not come to"]


class TestRefusals:
    @pytest.mark.parametrize("target", ["prod", "failover", "moon"])
    def test_only_where_orders_may_be_written(self, target: str) -> None:
        with pytest.raises(StackError, match=rf"{target} is not loaded: .* TARGET is one of local, dev, sit"):
            load.platform_of(target)

    @pytest.mark.parametrize("rates", ["", "2,many", "5,2", "5,5", "0.1,5", "5,2000", "nan"])
    def test_rates_are_numbers_that_rise(self, rates: str) -> None:
        with pytest.raises(StackError, match="RATES is"):
            load.rates_of(rates, None)

    def test_the_gate_is_one_of_the_rates_and_the_last(self) -> None:
        assert load.rates_of("2,5,10.5", None) == (2, 5, 10.5)
        assert load.rates_of("2,5,10", 5) == (2, 5)
        with pytest.raises(StackError, match="GATE is 7; it must be one of the rates: 2, 5, 10"):
            load.rates_of("2,5,10", 7)

    def test_tokens_live_as_long_as_the_test(self) -> None:
        assert load.seconds_of((5, 10), 20) == plans.WARM_SECONDS + 2 * (20 + plans.SETTLE_SECONDS)
        with pytest.raises(StackError, match=r"3 rates of 1000 s are 3019 s; the customers' tokens live"):
            load.seconds_of((2, 5, 10), 1000)

    def test_a_step_has_enough_orders_for_a_percentile(self) -> None:
        load.seconds_of((5,), 14)
        with pytest.raises(StackError, match=r"5 requests a second for 13 s are 19\.5 orders, and p95 needs 20"):
            load.seconds_of((5,), 13)

    def test_without_locust_it_says_what_installs_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(load, "_LOCUST", tmp_path / "locust")
        with pytest.raises(StackError, match="locust: `make load` installs it"):
            load.platform_of("local")

    def test_make_says_it_and_fails(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "labs.load", "--target", "prod"]
        environment = {**os.environ, "STACK_DIR": str(tmp_path)}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: prod is not loaded: a load test writes orders")


class TestCustomers:
    @pytest.fixture
    def there(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The numbers of the tenants that have a user; the fourth cannot sign in."""
        found: list[int] = []

        class FakeTenant:
            def __init__(self, platform: object, timer: object) -> None:
                if len(found) == 3:
                    raise StackError("no more")
                self.number, self.id, self.tokens = len(found), "tenant", {"IdToken": "token"}
                found.append(self.number)

            def body(self) -> dict[str, str]:
                return {"cartId": "c"}

            def remove(self) -> None:
                found.remove(self.number)

        monkeypatch.setattr(load, "Tenant", FakeTenant)
        return found

    def test_they_leave_when_somebody_presses_ctrl_c(self, there: list[int]) -> None:
        platform: Any = None
        with suppress(KeyboardInterrupt), load.customers(platform, 3) as customers:
            assert len(customers) == len(there) == 3
            raise KeyboardInterrupt
        assert there == []

    def test_those_who_came_leave_when_one_cannot(self, there: list[int]) -> None:
        platform: Any = None
        with pytest.raises(StackError, match="no more"), load.customers(platform, 4):
            pytest.fail("a customer is missing")
        assert there == []


def test_the_plan_comes_to_locust_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(
        "http://127.0.0.1/local", (Customer("tenant-a", "token", {"cartId": "c"}),), (2, 5), 20, 0.01, "steps.json"
    )
    plan.write(tmp_path / "plan.json")
    monkeypatch.setenv(plans.VARIABLE, str(tmp_path / "plan.json"))
    assert plans.read() == plan


def test_what_locust_imports_of_ours_needs_no_library() -> None:
    script = "import sys; sys.path.insert(0, '.'); import labs.load.plan, labs.load.steps"
    # -I: without this environment's libraries.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


class TestShown:
    def test_the_table_has_a_line_for_each_step_and_says_what_breaks(self) -> None:
        text = table.markdown([good(5), bad(10)], "sit under load")
        assert "| 5 | 5.0 | 5.0 | 50 ms | 50 ms | 50 ms |  |  | 0.0% |  | holds |" in text
        assert text.endswith("- at 10: p95 of POST is 500 ms, 0 ms of them the way, R8 asks for less than 300 ms\n")

    def test_the_plot_is_drawn_also_of_one_step_without_orders(self, tmp_path: Path) -> None:
        plot.draw([good(5), bad(10)], "sit: latency against rate", tmp_path / "two.svg")
        assert "breaks at 10 a second" in (tmp_path / "two.svg").read_text()
        plot.draw([measured(2, 20, answers(0, 40))], "none", tmp_path / "one.svg")
        assert (tmp_path / "one.svg").stat().st_size
