"""The evidence pack: what it says about tests and times, what it refuses to show, and that it is one file."""

import json
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import pack, page, stages
from evidence.pack import summary
from evidence.stages import PackError, PytestRun, RecordedTest, Stage, StepTime
from release import deploy, manifest
from release.deploy import Change, Planned
from release.manifest import Manifest, Sha256
from tests.support.releases import make_release
from tooling.agreed_limits import LIMITS, percentile, summarise

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOSTILE = '</pre><script>alert("x")</script>{{ 7 * 7 }}<img src=x onerror=alert(1)>'


def test_percentile_is_nearest_rank() -> None:
    """Percentiles are by nearest rank, so with fewer than 20 times p95 is the longest."""
    twenty = [n / 10 for n in range(20, 0, -1)]
    assert (percentile(twenty, 0.5), percentile(twenty, 0.95), percentile(twenty, 1)) == (1.0, 1.9, 2.0)
    assert percentile([3.0], 0.5) == percentile([3.0], 0.95) == 3.0
    assert percentile(twenty[:19], 0.95) == max(twenty[:19])


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_percentile_is_a_measured_time(seconds: list[float], share: float) -> None:
    """A percentile is one of the times, and its share of the times is not longer."""
    found = percentile(seconds, share)
    assert found in seconds
    assert sum(each <= found for each in seconds) >= share * len(seconds) - 1e-6
    assert sum(each < found for each in seconds) < share * len(seconds) + 1e-6


@pytest.mark.parametrize(("seconds", "share"), [([], 0.5), ([1.0], 0), ([1.0], 1.1)])
def test_percentile_of_nothing_is_refused(seconds: list[float], share: float) -> None:
    """No times, or a share out of range, is an error."""
    with pytest.raises(ValueError, match="no percentile"):
        percentile(seconds, share)


def test_limit_is_met_below_it_only() -> None:
    """A p95 equal to the agreed limit is not within it."""
    limit = LIMITS["accepted"]
    assert not summarise("accepted", [limit] * 20).within
    good = summarise("accepted", [0.1] * 19 + [9.0])
    assert (good.within, good.few, good.n, good.longest) == (True, False, 20, 9.0)
    assert summarise("accepted", [0.1]).few


def recorded_test(outcome: str = "passed", sentence: str = "A sentence", **changes: Any) -> RecordedTest:
    """The result of a test."""
    return RecordedTest.parse_obj(
        {"file": "e2e/test_status.py", "sentence": sentence, "outcome": outcome, "seconds": 1} | changes
    )


def pytest_run(*tests: RecordedTest, **changes: Any) -> PytestRun:
    """A run of pytest."""
    found = {
        "target": "local",
        "engine": "embedded",
        "marks": "alone",
        "selection": "",
        "commit": "a" * 40,
        "changed": False,
        "release": None,
        "machine": "Linux x86_64, 2 cores",
        "started_at": NOW,
        "seconds": 60,
        "exit_status": int(any(test.outcome == "failed" for test in tests)),
        "tests": list(tests),
    }
    return PytestRun.parse_obj(found | changes)


def mail(
    subject: str = "Your order ORD-2026-00001", body: str = "<p>Thank you</p>", to: str = "a@example.com"
) -> bytes:
    """Source of a mail with an attachment."""
    message = EmailMessage()
    message["From"], message["To"], message["Reply-To"] = "noreply@kimmyai.io", to, "support@kimmyai.io"
    message["Subject"] = subject
    message.set_content("Thank you in plain text")
    message.add_alternative(body, subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ORD-2026-00001.pdf")
    return message.as_bytes()


def make_stage(*runs: PytestRun, name: str = "local", release: Manifest | None = None, **changes: Any) -> Stage:
    """A stage; its default run has one test, which passed."""
    return Stage(
        name,
        list(runs) or [pytest_run(recorded_test())],
        changes.get("times", []),
        release,
        changes.get("exhibits", {}),
    )


def rendered(*shown: Stage, planned: Planned | None = None) -> str:
    return page.render(shown or [make_stage()], planned, NOW)


def verdict(html: str) -> str:
    """Heading of the verdict."""
    found = re.search(r'<div class="verdict[^>]*>\s*<h2>(.*?)</h2>', html)
    assert found
    return found[1]


def test_verdict_matches_results() -> None:
    """The verdict is passed only if every test was run and passed."""
    good, bad = (
        pytest_run(recorded_test()),
        pytest_run(recorded_test(), recorded_test("failed", message="assert 1 == 2")),
    )
    assert verdict(rendered(make_stage(good))) == "✓ Every test passed"
    assert verdict(rendered(make_stage(bad))) == "✗ Not passed"
    assert (
        verdict(rendered(make_stage(pytest_run(recorded_test(), selection="paging"))))
        == "! Passed, but not all tests were run"
    )
    # Complete; only the first run; without the last; aborted; without tests.
    parts = [pytest_run(recorded_test(), marks=marks) for marks in ("not alone", "alone and not timed", "timed")]
    assert verdict(rendered(make_stage(*parts))) == "✓ Every test passed"
    assert verdict(rendered(make_stage(parts[0]))) == verdict(rendered(make_stage(*parts[:2]))) == "✗ Not passed"
    assert make_stage(parts[0], parts[2]).unfinished == "the tests that run alone, after the others, were not run"
    assert make_stage(*parts[:2]).unfinished == "the tests that are timed, after the others, were not run"
    # No times are published of another engine.
    assert make_stage(*(part.copy(update={"engine": "localstack"}) for part in parts[:2])).passed
    assert verdict(rendered(make_stage(pytest_run(recorded_test(), exit_status=2)))) == "✗ Not passed"
    assert verdict(rendered(make_stage(pytest_run()))) == "✗ Not passed"


def test_verdict_says_which_tests_were_chosen() -> None:
    """A run of some tests passes as what it is; one of all tests that stopped in between does not pass."""
    good, bad = recorded_test(), recorded_test("failed", message="no")
    whole = make_stage(pytest_run(good, collected=9))
    quick = make_stage(pytest_run(good, good, marks="not alone", quick=True, collected=9))
    chosen = make_stage(
        pytest_run(good, selection="paging", collected=9), pytest_run(selection="paging", exit_status=5)
    )
    assert pack.verdict([whole]) == "passed"
    assert pack.verdict([quick]) == "passed, quick: 2 of 9 tests"
    assert pack.verdict([chosen]) == "passed, only “paging”: 1 of 9 tests"
    assert pack.verdict([make_stage(pytest_run(good, quick=True))]) == "passed, quick"
    assert pack.verdict([make_stage(pytest_run(good, marks="not alone", collected=9))]) == "NOT PASSED"
    failed = make_stage(pytest_run(good, bad, marks="not alone", quick=True, collected=9))
    assert pack.verdict([whole, failed]) == "NOT PASSED, quick: 2 of 9 tests"
    html = rendered(quick)
    assert verdict(html) == "! Passed, but not all tests were run"
    assert "not all tests were run (quick: 2 of 9 tests)" in html


def test_failures_come_first() -> None:
    """A failed test and its message stand above everything else."""
    failed = recorded_test("failed", "Money is counted", message="assert '1.00' == '1.01'", case="ZAR")
    html = rendered(make_stage(pytest_run(recorded_test(), failed)))
    text = html[: html.index('id="customer"')]
    assert "Money is counted (ZAR)" in text
    assert "assert &#39;1.00&#39; == &#39;1.01&#39;" in text
    assert "1 of 2 tests passed" in text
    assert "What failed" not in rendered()


def test_hostile_texts_are_escaped() -> None:
    """Texts of tests, mails and orders are shown as text."""
    exhibits = {"confirmation.eml": mail(HOSTILE), "order.json": order(number=HOSTILE)}
    release = None
    html = rendered(
        make_stage(
            pytest_run(
                recorded_test("failed", HOSTILE, message=HOSTILE, case=HOSTILE), selection=HOSTILE, machine=HOSTILE
            ),
            exhibits=exhibits,
            release=release,
        )
    )
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "{{ 7 * 7 }}" in html
    assert html.count("&lt;script&gt;") >= 5


def order(number: str = "ORD-2026-00001") -> bytes:
    return json.dumps({"orderNumber": number, "total": "464.57", "items": [{}, {}]}).encode()


def test_pack_loads_nothing() -> None:
    """The pack is one small file without links to anything outside."""
    times = [StepTime(load="one at a time", step="accepted", seconds=n / 100) for n in range(10)]
    html = rendered(make_stage(times=times, exhibits={"confirmation.eml": mail(), "order.json": order()}))
    assert "default-src 'none'" in html
    assert re.findall(r'(?:src|href|xlink:href)="(?!#|data:image/png;base64,)[^"]*"', html) == []
    assert "url(http" not in html
    assert len(html.encode()) < 500_000


def test_pack_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack that is too large for a mail is an error."""
    monkeypatch.setattr(page, "MAX_BYTES", 1_000)
    with pytest.raises(PackError, match="1,000 are allowed"):
        rendered()


@pytest.mark.parametrize("address", ["thandi@gmail.com", "a@example.com.evil.co", "someone@notexample.com"])
def test_private_address_is_refused(address: str) -> None:
    """A mail address that may belong to a person is neither shown nor recorded."""
    with pytest.raises(PackError, match="which may belong to a person"):
        rendered(make_stage(exhibits={"confirmation.eml": mail(to=address)}))
    assert address not in stages.redact(f"assert '{address}' == 1")


def test_invoice_needs_checked_order() -> None:
    """An invoice is shown only with its order, whose addresses are checked."""
    with pytest.raises(PackError, match=r"order\.json has a mail address at gmail\.com"):
        rendered(make_stage(exhibits={"invoice.pdf": b"", "order.json": order().replace(b"464.57", b"a@gmail.com")}))
    assert "the tests placed an order" in rendered(make_stage(exhibits={"invoice.pdf": b"no PDF, and so not read"}))


def test_test_addresses_are_shown() -> None:
    """The addresses of tests and of the service are shown as they are."""
    for address in ("success+e2e-1@example.com", "success+e2e-1@simulator.amazonses.com", "orders@kimmyai.io"):
        assert address in rendered(make_stage(exhibits={"confirmation.eml": mail(to=address)}))
        assert stages.redact(address) == address


def test_tokens_are_redacted() -> None:
    """The message of a failed test has no token in it."""
    assert stages.redact("Bearer eyJhbGciOi.eyJzdWIi.abc-def!") == "Bearer (token)!"


def test_mail_is_shown_as_sent() -> None:
    """A mail is shown with its headers, attachments, HTML and text."""
    html = rendered(make_stage(exhibits={"confirmation.eml": mail()}))
    assert "<b>Subject</b><span>Your order ORD-2026-00001</span>" in html
    assert "<b>Attached</b><span>ORD-2026-00001.pdf (4 Bytes)</span>" in html
    assert "<pre>Thank you in plain text\n</pre>" in html
    assert '<iframe sandbox srcdoc="&lt;p&gt;Thank you&lt;/p&gt;\n"' in html


def test_times_are_compared_with_limits() -> None:
    """The verdict says under which load which steps were slower than agreed, with the number of orders."""
    times = [StepTime(load="one at a time", step="invoice", seconds=1.25)] * 10
    times += [StepTime(load="100 concurrent orders", step="invoice", seconds=7.5)] * 40
    html = rendered(make_stage(times=times))
    head = html[: html.index('id="customer"')]
    assert 'one at a time (n = 10): <span class="good">within the agreed limits</span>' in head
    assert '100 concurrent orders (n = 40): <span class="warn">slower than agreed</span> for invoice' in head
    plot = html[html.index('<figure class="plot"') : html.index("</figure>", html.index('<figure class="plot"'))]
    assert "one at a time (n = 10)" in plot
    assert plot.count("<circle") == 50
    assert '<td class="number">7.50</td>' in html


def test_tests_are_listed_by_file() -> None:
    """Tests are listed in plain words by file, cases of one test in one line."""
    cases = [recorded_test(sentence="Refused transitions change nothing", case=name) for name in ("PAID", "EXPIRED")]
    html = rendered(make_stage(pytest_run(*cases)))
    assert "The status machine: every transition, allowed and refused, and what a payment needs" in html
    assert re.search(r'Refused transitions change nothing</th><td class="number">2</td>', html)


def test_promises_show_test_results() -> None:
    """Each promise shows the results of the tests that check it."""
    failed = recorded_test("failed", file="e2e/test_isolation.py", message="no")
    html = rendered(make_stage(pytest_run(failed, recorded_test(file="e2e/test_burst.py"))))
    promises = html[html.index('id="promises"') : html.index('id="release"')]
    assert '<code>e2e/test_burst.py</code></a> <span class="good">✓ 1 passed</span>' in promises
    assert '<code>e2e/test_isolation.py</code></a> <span class="bad">1 failed</span>' in promises
    assert "An accepted order is never lost: it ends recorded or rejected." in promises


def test_working_tree_is_no_release(tmp_path: Path) -> None:
    """Packages from a working tree are not called a release."""
    assert "a working tree, not a release" in rendered()
    release = make_release(tmp_path)
    html = rendered(make_stage(release=release))
    assert "a working tree, not a release" not in html
    assert release.digest() in html
    assert release.files["packages/get_order.zip"].sha256 in html


def test_destroyed_resources_come_first(tmp_path: Path) -> None:
    """The plan lists destroyed resources first, and names who must approve."""
    release = make_release(tmp_path)
    changes = [
        Change(address="aws_lambda_function.new", action="add", fields=[]),
        Change(address="aws_iam_role.old", action="destroy", fields=[]),
        Change(address="aws_lambda_function.changed", action="change", fields=["memory_size"]),
    ]
    planned = Planned(environment="prod", release=Sha256(release.digest()), at=NOW, changes=changes)
    html = rendered(make_stage(name="sit", release=release), planned=planned)
    table = html[html.index("Resources by action") :]
    assert table.index("aws_iam_role.old") < table.index("aws_lambda_function.changed") < table.index("function.new")
    assert "memory_size" in table
    assert "1 to destroy" in html
    assert "business owner and tech lead, two different people" in html
    assert f"For approval: release {release.digest()[:12]} to prod" in html


def test_plan_has_attributes_but_no_values() -> None:
    """A plan names changed attributes and none of their values."""
    change = {
        "actions": ["update"],
        "before": {"memory_size": 256, "name": "x", "runtime": "old"},
        "after": {"memory_size": 512, "name": "x", "runtime": "new"},
        "after_unknown": {"version": True, "name": False},
    }
    raw = [
        {"address": "a", "change": change},
        {"address": "b", "change": {"actions": ["delete", "create"], "before": {"k": 1}, "after": {"k": 2}}},
        {"address": "c", "change": {"actions": ["create"], "before": None, "after": {"k": 2}}},
        {"address": "d", "change": {"actions": ["delete"], "before": {"k": 1}, "after": None}},
        {"address": "e", "change": {"actions": ["no-op"], "before": {}, "after": {}}},
    ]
    assert [change.dict() for change in deploy.describe(raw)] == [
        {"address": "a", "action": "change", "fields": ["memory_size", "runtime", "version"]},
        {"address": "b", "action": "replace", "fields": ["k"]},
        {"address": "c", "action": "add", "fields": []},
        {"address": "d", "action": "destroy", "fields": []},
    ]


def write_records(base: Path, name: str, release: Manifest | None, *tests: RecordedTest) -> None:
    """Write the records of a stage, as the tests do."""
    (base / name).mkdir(parents=True)
    digest = release.digest() if release else None
    (base / name / "run-1.json").write_text(pytest_run(*tests, target=name, release=digest).json())
    (base / name / "times-gw0.jsonl").write_text(
        StepTime(load="one at a time", step="invoice", seconds=1).json() + "\n"
    )
    if release:
        (base / name / manifest.NAME).write_bytes(release.encode())


def test_stages_share_one_release(tmp_path: Path) -> None:
    """Only stages that tested the very same release are shown together."""
    release, other = make_release(tmp_path / "a"), make_release(tmp_path / "b", package=b"other")
    base = tmp_path / "records"
    write_records(base, "local", release, recorded_test())
    write_records(base, "dev", other, recorded_test())
    write_records(base, "sit", release, recorded_test())
    assert [stage.name for stage in stages.of_release(base, "sit")] == ["local", "sit"]
    assert [stage.name for stage in stages.of_release(base, "dev")] == ["dev"]
    write_records(base, "prod", None, recorded_test())
    assert [stage.name for stage in stages.of_release(base, "prod")] == ["prod"]


def test_bad_records_say_what_to_do(tmp_path: Path) -> None:
    """Missing or invalid records are an error that names the command to run."""
    with pytest.raises(PackError, match="run `bin/test e2e --target local`"):
        stages.read(tmp_path / "local")
    write_records(tmp_path, "local", None, recorded_test())
    (tmp_path / "local" / "run-2.json").write_text("{}")
    with pytest.raises(PackError, match=r"(?s)cannot be read: .*run `bin/test e2e --target local` again"):
        stages.read(tmp_path / "local")


def test_summary_links_to_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary of a workflow run has results, plan and a link to the pack."""
    monkeypatch.setenv("EVIDENCE_DIR", str(tmp_path))
    release = make_release(tmp_path / "release")
    write_records(tmp_path / "records", "dev", release, recorded_test(), recorded_test("failed", message="no"))
    planned = Planned(environment="sit", release=Sha256(release.digest()), at=NOW, changes=[])
    (tmp_path / "records" / "plan.json").write_text(planned.json())
    text = summary("dev", "sit", "https://github.example/artifact")
    assert f"release `{release.digest()[:12]}` to sit" in text
    assert "❌ dev: 1 of 2 tests passed" in text
    assert "In sit: 0 to destroy, 0 to replace, 0 to change, 0 to add" in text
    assert "](https://github.example/artifact)" in text


def test_partial_run_is_no_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of some tests does not pass a release, however green it is, and the summary says what was run."""
    monkeypatch.setenv("EVIDENCE_DIR", str(tmp_path))
    folder, release = tmp_path / "records", make_release(tmp_path / "release")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    stages.require_whole(folder, "dev")
    write_records(folder, "dev", release, recorded_test())
    stages.require_whole(folder, "dev")
    run = pytest_run(recorded_test(), target="dev", selection="paging", collected=9)
    (folder / "dev" / "run-20261124T130000.json").write_text(run.json())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    stages.require_whole(folder, "dev")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(
        PackError, match=r"not all tests were run in dev \(only “paging”: 2 of 9 tests\): run all with `bin/test"
    ):
        stages.require_whole(folder, "dev")
    assert "⚠️ dev: 2 of 2 tests passed; not all tests were run (only “paging”: 2 of 9 tests)" in summary(
        "dev", None, ""
    )
