"""The bench: what it makes of its figures, and the pure parts of its measurements."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.invoice import invoice_html
from common.table_items import attributes_of
from labs.bench import at_once, baselines, long_invoices, numbers, orders, report, run, starts
from labs.bench.report import Row, interleave, text
from localstack.mails import CUSTOMER, INTERNAL, Mail
from localstack.preview import samples
from localstack.stack import StackError
from release.packaging import build
from tooling.agreed_limits import LIMITS
from tooling.cli import UserError
from tooling.paths import ROOT

FAST = Row("starts", "start of get_order", "s", (0.11, 0.12, 0.10), "the same clients", (0.10, 0.10, 0.10), 1.25)
SLOW = Row("burst", "burst of orders", "1/s", (2.0, 1.0, 3.0), "a loop", (10.0, 10.0, 10.0), 0.5, at_least=True)
ALONE = Row("waits", "make up", "s", (63.4,), limit=75)
REPORTED = Row("numbers", "numbers a second", "1/s", (40.0,), note="without gap")


def test_row_judges_the_ratio_of_each_round() -> None:
    """Each figure of ours is divided by the baseline of the same round."""
    assert FAST.judged == pytest.approx((1.1, 1.2, 1.0))
    assert FAST.median == pytest.approx(1.1)


def test_row_without_baseline_judges_our_figure() -> None:
    """A limit without a baseline applies to our figures themselves."""
    assert ALONE.judged == (63.4,)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (FAST, "kept"),
        (FAST._replace(ours=(0.2, 0.2, 0.2)), "missed"),
        (SLOW, "missed"),
        (SLOW._replace(ours=(5.0, 5.0, 5.0)), "kept"),
        (ALONE, "kept"),
        (REPORTED, ""),
    ],
)
def test_row_verdict(row: Row, verdict: str) -> None:
    """The median decides; a limit to reach is kept at the limit; without a limit there is no verdict."""
    assert row.verdict == verdict


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(63.42, "s", "63.4 s"), (0.01234, "s", "12.3 ms"), (0.000045, "s", "45 µs"), (2, "calls", "2 calls"),
     (34.567, "1/s", "34.57 1/s"), (251.33, "USD", "251.3 USD")],
)  # fmt: skip
def test_text_scales_to_the_unit(value: float, unit: str, expected: str) -> None:
    """A figure has an SI prefix that suits its size."""
    assert text(value, unit) == expected


def test_markdown_has_ratio_range_limit_and_verdict() -> None:
    """A row shows the median ratio, its range, the limit and the verdict; notes follow the table."""
    table = report.markdown([FAST, SLOW, REPORTED])
    assert "| 1.10 (1.00 to 1.20) | at most 1.25 × | kept |" in table
    assert "| 0.20 (0.10 to 0.30) | at least 0.5 × | missed |" in table
    assert table.endswith("- numbers a second: without gap\n")


def test_plot_shows_rows_with_a_baseline_and_a_limit() -> None:
    """A row without a baseline is not plotted; a ratio outside the plot is written at its edge."""
    svg = report.plot([FAST, SLOW, ALONE])
    assert "start of get_order" in svg
    assert "burst of orders" in svg
    assert "make up" not in svg
    assert "to 9.0" in report.plot([FAST._replace(ours=(0.9, 0.1, 0.1))])


def test_write_writes_table_plot_and_json(tmp_path: Path) -> None:
    """All figures are in the JSON file; without ratios there is no plot."""
    report.write([FAST, REPORTED], tmp_path / "both")
    assert json.loads((tmp_path / "both" / "results.json").read_text())["rows"][0]["ours"] == list(FAST.ours)
    assert (tmp_path / "both" / "table.md").read_text().startswith("Measured 2")
    assert (tmp_path / "both" / "ratios.svg").exists()
    report.write([REPORTED], tmp_path / "one")
    assert not (tmp_path / "one" / "ratios.svg").exists()


def test_interleave_alternates_and_skips_the_warm_up() -> None:
    """Neither side is always second, and figures of the warm-up do not count."""
    taken: list[str] = []

    def side(name: str) -> str:
        taken.append(name)
        return f"{name}{len(taken)}"

    ours, baseline = interleave(lambda: side("o"), lambda: side("b"), times=4, warm=2)
    assert "".join(taken) == "boob" * 3
    assert (ours, baseline) == (["o6", "o7", "o10", "o11"], ["b5", "b8", "b9", "b12"])


def test_row_has_the_percentile_of_each_round() -> None:
    """p95 of each round is compared with p95 of the baseline."""
    hundred = [n / 1000 for n in range(1, 101)]
    row = report.row("api", "GET, p95", [(hundred, [0.05] * 100), ([0.06], [0.05])], "one call", 1.3, share=0.95)
    assert (row.what, row.ours, row.baseline) == ("GET, p95", (0.095, 0.06), (0.05, 0.05))
    assert row.judged == pytest.approx((1.9, 1.2))


def test_one_order_in_a_thousand_is_rare() -> None:
    """Orders have their own ids and rising dates, and one in 1,000 has the rare status."""
    made = list(orders.orders("tenant-a", range(990, 2_010)))
    assert [n for n, order in enumerate(made, start=990) if order.status is orders.RARE] == [1_000, 2_000]
    assert len({order.id for order in made}) == len(made)
    assert [order.date_created for order in made] == sorted(order.date_created for order in made)


def test_write_repeats_unprocessed_items() -> None:
    """Items that a batch left unprocessed are sent again."""
    items: list[Any] = []

    class Client:
        def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
            ((table, requests),) = RequestItems.items()
            now, later = (requests[:-1], requests[-1:]) if len(requests) > 1 else (requests, [])
            items.extend(request["PutRequest"]["Item"] for request in now)
            return {"UnprocessedItems": {table: later} if later else {}}

    orders.write(Client(), "t", "tenant-a", 60)
    expected = [attributes_of(order) for order in orders.orders("tenant-a", range(60))]
    assert sorted(item["SK"]["S"] for item in items) == sorted(item["SK"]["S"] for item in expected)


def test_at_once_runs_all_batches_at_once() -> None:
    """All batches run at the same time."""
    done: list[int] = []
    # Nobody passes before all batches have arrived.
    together = threading.Barrier(50, timeout=30)

    def batch(n: int) -> None:
        together.wait()
        done.append(n)

    assert numbers.at_once(batch, 50) > 0
    assert sorted(done) == list(range(50))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["ORD-2090-00001", "ORD-2090-00003"], "missing: ORD-2090-00002"),
        (["ORD-2090-00001", "ORD-2090-00002", "ORD-2090-00002"], "came twice"),
        (["ORD-2090-00001"], "1 of 2 orders have a number"),
    ],
)
def test_require_no_gap_refuses(given: list[str], expected: str) -> None:
    """A gap, a duplicate and a missing number are errors."""
    with pytest.raises(StackError, match=expected):
        numbers.require_no_gap(given, 2090, 2)


def test_require_no_gap_accepts_any_order() -> None:
    """Numbers without a gap may come in any order."""
    numbers.require_no_gap(["ORD-2090-00002", "ORD-2090-00001"], 2090, 2)


def test_draft_is_the_same_for_the_same_number() -> None:
    """The id follows from tenant and number, so a repeated batch records nothing twice."""
    june = datetime(2090, 6, 1, tzinfo=UTC)
    assert orders.draft("a", 1, june).id == orders.draft("a", 1, june).id != orders.draft("a", 2, june).id


def test_baseline_package_has_the_clients_of_the_functions() -> None:
    """Baselines call AWS with the same clients as the service."""
    with zipfile.ZipFile(io.BytesIO(baselines.package())) as archive:
        assert sorted(archive.namelist()) == ["baseline.py", "common/__init__.py", "common/clients.py"]


def test_every_api_function_has_a_start_baseline() -> None:
    """Cold starts are measured for each function of the API and for the invoice function."""
    functions = {name for name in build.function_names() if "functions.adapters.rest" in build.modules_of(name)}
    assert set(starts.BASELINES) == functions | {"order_pdf_creator"}


@pytest.mark.parametrize(("cores", "expected"), [(1, (1, 9)), (2, (2, 8)), (32, (9, 1))])
def test_batch_has_one_largest_order_for_each_core(cores: int, expected: tuple[int, int]) -> None:
    """The batch is full, and at least one order of it is short."""
    assert long_invoices.counts(cores) == expected


def test_waits_end_with_the_last_mail_of_each_order() -> None:
    """An order waits for both of its mails; mails of other orders do not count."""
    placed = {"a": 100.0, "b": 101.0}
    mails = [("a", 103.0), ("a", 105.5), ("other", 120.0), ("b", 102.0)]
    assert long_invoices.waits(placed, mails) is None
    assert long_invoices.waits(placed, [*mails, ("b", 104.0)]) == [5.5, 3.0]


def test_loops_render_the_same_order() -> None:
    """The loops of the burst render the same order, as a page for browsers and as ours."""
    invoices = baselines.invoices()
    assert "display: flex" in invoices["baseline_plain.html"]
    assert "ORD-2026-00042" in invoices["baseline_plain.html"]
    assert invoices["baseline_ours.html"] == invoice_html(samples.orders()["no-campaign"])
    handlers = (ROOT / "labs" / "bench" / "baseline_functions.py").read_text()
    assert all(f'"{name}"' in handlers for name in invoices)


def test_part_that_fails_does_not_keep_others_from_being_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows that were measured before and after a failure are written; the error names the part."""

    def breaks(_: int) -> Iterator[Row]:
        yield FAST
        raise ValueError("no engine")

    monkeypatch.setattr(run, "FOLDER", tmp_path)
    monkeypatch.setattr(run, "PARTS", {"broken": breaks, "sound": lambda _: iter([REPORTED])})
    with pytest.raises(UserError, match="broken was not measured: no engine"):
        run.run((), 1)
    assert [row["what"] for row in json.loads((tmp_path / "results.json").read_text())["rows"]] == [
        FAST.what,
        REPORTED.what,
    ]
    assert "ValueError" in capsys.readouterr().err


def test_times_of_an_order_come_from_logs_and_mails() -> None:
    """A step takes from the request to its log line or mail; lines of other messages do not count."""
    line = {"level": "INFO", "message": "order recorded", "timestamp": "1970-01-01 00:01:40,500+0000", "order_id": "o"}
    lines = [json.dumps(line), json.dumps({**line, "message": "cart refused"}), "START RequestId: 1"]
    recorded = at_once.logged(lines, "order recorded")
    assert recorded == {"o": 100.5}

    def mail(kind: str, second: int) -> Mail:
        return Mail("1-a", datetime.fromtimestamp(second, UTC), kind, "a@b.example", "", None, "c")

    found = at_once.times(
        [at_once.Sent("o", "c", 100.0, 0.02)], recorded, {"o": 101.0}, [mail(INTERNAL, 102), mail(CUSTOMER, 103)]
    )
    assert found == {
        "accepted": [0.02],
        "recorded": [0.5],
        "invoice": [1.0],
        "internal mail": [2.0],
        "customer mail": [3.0],
    }


def test_broken_names_the_fewest_orders_that_break_a_limit(tmp_path: Path) -> None:
    """A limit breaks at its value; the picture has every step and the limit."""
    kept = {step: limit * 0.9 for step, limit in LIMITS.items()}
    assert at_once.broken({10: kept, 25: kept}) == "up to 25 at once break none"
    found = {10: kept, 25: {**kept, "invoice": 5.0}, 50: {**kept, "recorded": 9.0}}
    assert at_once.broken(found) == "25 at once break first: invoice"
    at_once.plot(found, tmp_path / "limits.svg")
    picture = (tmp_path / "limits.svg").read_text()
    assert all(f"{step}, limit" in picture for step in LIMITS)
