"""The load test: what it concludes from its steps, and what it refuses to do."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from labs.load import run as load
from labs.load.engine_loop import Cost, cost, knee, report
from labs.load.steps import PLAN_VARIABLE, Response, Step, failures, summarise
from localstack.stack import StackError
from tests.support.programs import program, run_here
from tooling.paths import ROOT


def responses(posts: int, reads: int = 0, seconds: float = 0.05) -> list[Response]:
    return [Response("POST order", seconds)] * posts + [Response("GET order", 0.02, late=False)] * reads


def test_summarise_has_rate_and_times_of_each_kind() -> None:
    """A step has the reached rate, and percentiles of each kind that got responses."""
    times = [n / 1000 for n in range(1, 101)]
    step = summarise(10, 20, [*(Response("POST order", seconds) for seconds in times), *responses(0, 100)])
    assert step.reached == 10
    assert step.times["POST order"] == (100, 0.050, 0.095, 0.099)
    assert set(step.times) == {"POST order", "GET order"}
    assert step.broken == []


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (responses(190) + responses(10, seconds=0.4), None),
        (
            responses(189) + responses(11, seconds=0.3),
            "p95 of POST is 300 ms, 0 ms of it the round trip; the agreed limit is 300 ms",
        ),
        (
            [*responses(199), Response("GET list", 0.1, "status 503")],
            r"0\.5% errors \(1 × status 503\); the limit is 0\.1%",
        ),
        ([*responses(190), Response("GET order", 0.1, late=True), *responses(0, 19)], None),
        (
            responses(180) + [Response("GET order", 0.1, late=True)] * 2 + responses(0, 18),
            "10% of the orders are not recorded after 2 s; the agreed limit is 5%",
        ),
        (responses(0, 200), "no POST got a response"),
        (responses(170), "8.5 of 10 requests a second got a response"),
        (responses(171), None),
    ],
)
def test_broken_names_each_limit_at_its_value(found: list[Response], why: str | None) -> None:
    """Each limit breaks at its value and not before."""
    broken = summarise(10, 20, found).broken
    assert [re.match(why or "", each) is not None for each in broken] == ([True] if why else [])


def test_broken_allows_one_error_in_two_thousand() -> None:
    """Less than one error in a thousand is allowed."""
    found = [*responses(1999), Response("GET list", 0.1, "no response")]
    assert summarise(100, 20, found).broken == []
    assert summarise(50, 20, found[1000:]).broken == ["0.1% errors (1 × no response); the limit is 0.1%"]


def test_broken_leaves_out_the_round_trip() -> None:
    """The time to a distant API is not the service's."""
    far = responses(200, seconds=0.5)
    assert summarise(10, 20, far, round_trip=0.21).broken == []
    assert summarise(10, 20, far, round_trip=0.2).broken == [
        "p95 of POST is 500 ms, 200 ms of it the round trip; the agreed limit is 300 ms"
    ]


def test_early_read_is_not_late() -> None:
    """An order that is read before it must be recorded says nothing about lateness."""
    step = summarise(10, 20, [*responses(200), Response("GET order", 0.1, late=None)])
    assert (step.due, step.late_share) == (0, 0)


def good(rate: float) -> Step:
    return summarise(rate, 20, responses(round(rate * 20)))


def bad(rate: float) -> Step:
    return summarise(rate, 20, responses(round(rate * 20), seconds=0.5))


def test_gate_passes_when_lower_rates_hold() -> None:
    """A limit that breaks above the gate does not matter."""
    assert failures([good(5), good(10), bad(20)], 10) == []


def test_gate_fails_at_or_below_its_rate() -> None:
    """A limit that breaks at the gate's rate or below fails the gate."""
    (why,) = failures([good(5), bad(10)], 20)
    assert why.startswith("at 10 requests a second p95 of POST is 500 ms")
    assert len(failures([good(5), bad(10)], 10)) == 1


def test_gate_fails_when_it_was_not_tried() -> None:
    """A load test that ended before the gate's rate does not pass."""
    assert failures([good(5)], 10) == ["10 requests a second were not tried"]


@pytest.mark.parametrize("target", ["prod", "failover", "moon"])
def test_target_without_test_orders_is_refused(target: str) -> None:
    """Only environments in which test orders may be written are loaded."""
    with pytest.raises(StackError, match=rf"{target} is never loaded: .* Choose one of local, dev, sit"):
        load.platform_of(target)


@pytest.mark.parametrize("text", ["", "2,many"])
def test_rates_that_are_not_numbers_are_refused(text: str) -> None:
    """Rates are numbers with commas between them."""
    with pytest.raises(StackError, match="the rates are"):
        load.parse_rates(text)
    assert load.parse_rates("2,5,10.5") == (2, 5, 10.5)


@pytest.mark.parametrize("text", ["5,2", "5,5", "0.1,5", "5,2000", "nan"])
def test_rates_that_do_not_rise_are_refused(text: str) -> None:
    """Rates rise, within what users can produce."""
    with pytest.raises(StackError, match="the rates are"):
        load.up_to_gate(load.parse_rates(text), None)


def test_gate_is_the_last_of_the_rates() -> None:
    """Rates above the gate are not tried; a gate that is not one of the rates is refused."""
    assert load.up_to_gate((2, 5, 10), 5) == (2, 5)
    with pytest.raises(StackError, match="the gate is 7; choose one of the rates: 2, 5, 10"):
        load.up_to_gate((2, 5, 10), 7)


def test_require_time_refuses_steps_that_outlive_the_tokens() -> None:
    """A test that takes longer than the customers' tokens are valid is refused."""
    load.require_time((5, 10), 20)
    with pytest.raises(StackError, match=r"3 rates of 1000 s take 3019 s, but the customers' tokens"):
        load.require_time((2, 5, 10), 1000)


def test_require_time_refuses_too_few_orders() -> None:
    """A step needs enough orders for p95."""
    load.require_time((5,), 14)
    with pytest.raises(StackError, match=r"5 requests a second for 13 s are 19\.5 orders, and p95 needs 20"):
        load.require_time((5,), 13)


def test_missing_locust_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Locust the error says what installs it."""
    monkeypatch.setattr(load, "_LOCUST", tmp_path / "locust")
    with pytest.raises(StackError, match="locust is missing: `make load` installs it"):
        load.platform_of("local")


def test_locust_reads_no_settings_of_a_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Locust sends requests to the API of the plan only, and finds no file of settings where it looks for one.

    A program in its place prints what it is given: Locust has an environment of its own, which is not always there.
    """
    program, log = tmp_path / "locust", tmp_path / "locust.log"
    program.write_text(f"""#!{sys.executable}
import json, os, sys
plan = json.load(open(os.environ["{PLAN_VARIABLE}"]))
open(plan["result"], "w").write("[1, []]")
print(json.dumps([sys.argv, *sorted(os.listdir() + os.listdir(os.environ["HOME"]))]))
""")
    program.chmod(0o755)
    monkeypatch.setattr(load, "_LOCUST", program)
    assert load.responses({"api_url": "http://127.0.0.1:1/local", "settle": 0}, 5, 1, log) == (1, [])
    arguments, *files = json.loads(log.read_text())
    assert "--host=http://127.0.0.1:1/local" in arguments
    assert set(files) == {"plan.json", "result.json"}


class Users:
    """A Cognito client that keeps the users; the fourth cannot be added."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def admin_delete_user(self, UserPoolId: str, Username: str) -> None:  # noqa: N803
        """Delete a user."""
        if Username in self.names:
            self.names.remove(Username)


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Users:
    found = Users()

    def sign_up(cognito: object, outputs: object, tenant: str, email: str) -> dict[str, str]:
        if len(found.names) == 3:
            raise StackError("no more users")
        found.names.append(email)
        return {"IdToken": "token"}

    monkeypatch.setattr(load, "sign_up", sign_up)
    monkeypatch.setattr(load, "put_cart", lambda *_: "cart-1")
    return found


def platform(users: Users) -> Any:
    outputs = {"user_pool_id": "pool"}
    aws = type("Aws", (), {"cognito": users})
    return type("Platform", (), {"aws": aws, "outputs": outputs, "mailbox": None, "issuer": None, "cart_url": "c"})


def test_customers_are_removed_after_ctrl_c(users: Users) -> None:
    """The users of the customers are removed in any case."""
    with suppress(KeyboardInterrupt), load.customers(platform(users), 3) as found:
        assert len(found) == len(users.names) == 3
        raise KeyboardInterrupt
    assert users.names == []


def test_customers_are_removed_when_one_fails(users: Users) -> None:
    """Customers who signed up before an error are removed too."""
    with pytest.raises(StackError, match="no more users"), load.customers(platform(users), 4):
        pytest.fail("a customer is missing")
    assert users.names == []


def test_steps_need_no_library() -> None:
    """What Locust's environment imports of ours needs nothing else than the standard library."""
    script = "import sys; sys.path.insert(0, '.'); import labs.load.steps"
    # -I and -S: without this environment's libraries.
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr


def test_command_fails_for_prod(tmp_path: Path) -> None:
    """The command line reports the error and fails."""
    environment = {**os.environ, "STACK_DIR": str(tmp_path)}
    status, output = run_here(program("ops"), ("bin/ops", "lab", "load", "--target", "prod"), environment)
    assert status == 1
    assert output.startswith("error: prod is never loaded: a load test writes orders")


def test_markdown_has_a_line_for_each_step() -> None:
    """The table shows each step and, below, which limits broke."""
    text = load.markdown([good(5), bad(10)], "sit under load")
    assert "| 5 | 5.0 | 50 ms | 50 ms | 50 ms |  |  | 0.0% |  | holds |" in text
    assert text.endswith("- at 10: p95 of POST is 500 ms, 0 ms of it the round trip; the agreed limit is 300 ms\n")


def test_plot_is_written_with_and_without_orders(tmp_path: Path) -> None:
    """The plot marks the rate that breaks, and needs no orders."""
    load.plot([good(5), bad(10)], "sit: latency against rate", tmp_path / "two.svg")
    assert "breaks at 10 a second" in (tmp_path / "two.svg").read_text()
    load.plot([summarise(2, 20, responses(0, 40))], "none", tmp_path / "one.svg")
    assert (tmp_path / "one.svg").stat().st_size


def test_cost_is_told_apart_by_process() -> None:
    """A process that started meanwhile counts in full; what is not the engine is a function."""
    before, after = {"engine": 10.0, "f": 1.0}, {"engine": 14.0, "f": 3.0, "g": 2.0}
    assert cost(10, 200, before, after) == Cost(10, 0.02, 0.02)


def test_report_names_knee_and_what_engine_and_service_cost() -> None:
    """The service costs what the same requests cost more than in the engine's empty loop."""
    costs, empty = [Cost(5, 0.012, 0.03), Cost(10, 0.01, 0.02)], [Cost(5, 0.004, 0.002)]
    text = report([good(5), bad(10)], costs, [good(5), good(10)], empty)
    assert "- the knee: 5 requests a second hold, 10 break\n" in text
    assert "the same run: 10 requests a second hold, and none of the rates breaks\n" in text
    assert "at 5 a request takes 42 ms of a processor: the engine 12 ms, the functions 30 ms" in text
    assert "empty loop takes 6 ms, so the service costs 36 ms" in text
    assert "at 10 a request" not in text
    assert knee([bad(5)]) == "none of the rates holds, 5 break"
