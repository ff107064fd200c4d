"""The evidence pack: what it says of times and tests, what it refuses to show, and that it is one file."""

import io
import json
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evidence import page, pictures, stages
from evidence.pack import summary
from evidence.stages import PackError, PytestRun, RecordedTest, Stage, StepTime
from release import deploy, manifest
from release.deploy import Change, Planned
from release.manifest import Manifest, Sha256
from tests.support.releases import make_release
from tooling.agreed_limits import LIMITS, percentile, summarise

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOSTILE = '</pre><script>alert("x")</script>{{ 7 * 7 }}<img src=x onerror=alert(1)>'


def test_a_percentile_is_the_nearest_rank() -> None:
    twenty = [n / 10 for n in range(20, 0, -1)]
    assert (percentile(twenty, 0.5), percentile(twenty, 0.95), percentile(twenty, 1)) == (1.0, 1.9, 2.0)
    assert percentile([3.0], 0.5) == percentile([3.0], 0.95) == 3.0
    # With fewer than twenty, p95 is the longest.
    assert percentile(twenty[:19], 0.95) == max(twenty[:19])


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_was_measured_and_is_not_exceeded_by_its_share(seconds: list[float], share: float) -> None:
    found = percentile(seconds, share)
    assert found in seconds
    assert sum(each <= found for each in seconds) >= share * len(seconds) - 1e-6
    assert sum(each < found for each in seconds) < share * len(seconds) + 1e-6


@pytest.mark.parametrize(("seconds", "share"), [([], 0.5), ([1.0], 0), ([1.0], 1.1)])
def test_there_is_no_percentile_of_nothing(seconds: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(seconds, share)


def test_r8_is_met_by_less_than_its_limit_only() -> None:
    limit = LIMITS["accepted"]
    assert not summarise("accepted", [limit] * 20).within
    good = summarise("accepted", [0.1] * 19 + [9.0])
    assert (good.within, good.few, good.n, good.longest) == (True, False, 20, 9.0)
    assert summarise("accepted", [0.1]).few


def tried(outcome: str = "passed", sentence: str = "A sentence", **changes: Any) -> RecordedTest:
    """A test that was run."""
    return RecordedTest.parse_obj(
        {"file": "e2e/test_status.py", "sentence": sentence, "outcome": outcome, "seconds": 1} | changes
    )


def ran(*tests: RecordedTest, **changes: Any) -> PytestRun:
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
    """A mail as the mail catcher keeps it."""
    message = EmailMessage()
    message["From"], message["To"], message["Reply-To"] = "noreply@kimmyai.io", to, "support@kimmyai.io"
    message["Subject"] = subject
    message.set_content("Thank you in plain text")
    message.add_alternative(body, subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ORD-2026-00001.pdf")
    return message.as_bytes()


def staged(*runs: PytestRun, name: str = "local", release: Manifest | None = None, **changes: Any) -> Stage:
    """A stage, with one run in which a test passed if none is given."""
    return Stage(name, list(runs) or [ran(tried())], changes.get("times", []), release, changes.get("exhibits", {}))


def drawn(*shown: Stage, planned: Planned | None = None) -> str:
    return page.draw(shown or [staged()], planned, NOW)


def verdict(html: str) -> str:
    """The heading of the verdict."""
    found = re.search(r'<div class="verdict[^>]*>\s*<h2>(.*?)</h2>', html)
    assert found
    return found[1]


def test_the_verdict_says_what_is_so() -> None:
    good, bad = ran(tried()), ran(tried(), tried("failed", message="assert 1 == 2"))
    assert verdict(drawn(staged(good))) == "✓ Every test passed"
    assert verdict(drawn(staged(bad))) == "✗ Not passed"
    assert verdict(drawn(staged(ran(tried(), selection="paging")))) == "! Passed, but not all tests were run"
    # The first part alone, without the last, a run that was cut off, and one of nothing.
    parts = [ran(tried(), marks=marks) for marks in ("not alone", "alone and not timed", "timed")]
    assert verdict(drawn(staged(*parts))) == "✓ Every test passed"
    assert verdict(drawn(staged(parts[0]))) == verdict(drawn(staged(*parts[:2]))) == "✗ Not passed"
    assert staged(parts[0], parts[2]).unfinished == "the tests that run alone, after the others, were not run"
    assert staged(*parts[:2]).unfinished == "the tests that are timed, after the others, were not run"
    assert verdict(drawn(staged(ran(tried(), exit_status=2)))) == "✗ Not passed"
    assert verdict(drawn(staged(ran()))) == "✗ Not passed"


def test_a_failure_is_told_before_all_else() -> None:
    failed = tried("failed", "Money is counted", message="assert '1.00' == '1.01'", case="ZAR")
    html = drawn(staged(ran(tried(), failed)))
    text = html[: html.index('id="customer"')]
    assert "Money is counted (ZAR)" in text
    assert "assert &#39;1.00&#39; == &#39;1.01&#39;" in text
    assert "1 of 2 tests passed" in text
    assert "What failed" not in drawn()


def test_what_comes_from_outside_is_text_and_nothing_else() -> None:
    exhibits = {"confirmation.eml": mail(HOSTILE), "order.json": order(number=HOSTILE)}
    release = None
    html = drawn(
        staged(
            ran(tried("failed", HOSTILE, message=HOSTILE, case=HOSTILE), selection=HOSTILE, machine=HOSTILE),
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


def test_it_is_one_file_that_loads_nothing() -> None:
    times = [StepTime(load="one at a time", step="accepted", seconds=n / 100) for n in range(10)]
    html = drawn(staged(times=times, exhibits={"confirmation.eml": mail(), "order.json": order()}))
    assert "default-src 'none'" in html
    assert re.findall(r'(?:src|href|xlink:href)="(?!#|data:image/png;base64,)[^"]*"', html) == []
    assert "url(http" not in html
    assert len(html.encode()) < 500_000


def test_a_pack_that_no_mail_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_BYTES", 1_000)
    with pytest.raises(PackError, match="1,000 are allowed"):
        drawn()


@pytest.mark.parametrize("address", ["thandi@gmail.com", "a@example.com.evil.co", "someone@notexample.com"])
def test_nobodys_address_is_shown_but_a_tests(address: str) -> None:
    with pytest.raises(PackError, match="which may be somebody's"):
        drawn(staged(exhibits={"confirmation.eml": mail(to=address)}))
    assert address not in stages.redact(f"assert '{address}' == 1")


def test_an_invoice_is_shown_with_the_order_that_names_its_customer_only() -> None:
    with pytest.raises(PackError, match=r"order\.json has a mail address at gmail\.com"):
        drawn(staged(exhibits={"invoice.pdf": b"", "order.json": order().replace(b"464.57", b"a@gmail.com")}))
    assert "the tests placed an order" in drawn(staged(exhibits={"invoice.pdf": b"no PDF, and so not read"}))


def test_the_tests_own_addresses_are() -> None:
    for address in ("success+e2e-1@example.com", "success+e2e-1@simulator.amazonses.com", "orders@kimmyai.io"):
        assert address in drawn(staged(exhibits={"confirmation.eml": mail(to=address)}))
        assert stages.redact(address) == address


def test_a_message_of_a_failure_holds_no_token() -> None:
    assert stages.redact("Bearer eyJhbGciOi.eyJzdWIi.abc-def!") == "Bearer (token)!"


def test_a_mail_is_shown_as_it_came() -> None:
    found = pictures.of_mail(mail())
    assert found.headers["Subject"] == "Your order ORD-2026-00001"
    assert found.attachments == [("ORD-2026-00001.pdf", 4)]
    assert found.text == "Thank you in plain text\n"
    (picture,) = found.pages
    image = Image.open(io.BytesIO(picture.png)).convert("L")
    # Something is written on it, and the empty end of the page is cut off.
    assert image.getextrema() == (0, 255)
    assert picture.height < 200 < picture.width


def test_a_mail_loads_nothing_from_where_it_is_drawn(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (600, 600), "black").save(secret)
    (picture,) = pictures.of_html(f'<img src="{secret.as_uri()}"><img src="http://127.0.0.1:9/x.png">')
    colours = Image.open(io.BytesIO(picture.png)).convert("L").histogram()
    assert sum(colours[:64]) < 0.2 * sum(colours)


def test_times_are_told_with_their_number_and_against_r8() -> None:
    times = [StepTime(load="one at a time", step="invoice", seconds=1.25)] * 10
    times += [StepTime(load="100 concurrent orders", step="invoice", seconds=7.5)] * 40
    html = drawn(staged(times=times))
    head = html[: html.index('id="customer"')]
    assert '<span class="good">within R8</span> one at a time (n = 10)' in head
    assert '<span class="warn">over R8</span> in invoice 100 concurrent orders (n = 40)' in head
    assert "one at a time (n = 10)" in html[html.index("<svg") : html.index("</svg>")]
    assert '<td class="number">7.50</td>' in html


def test_tests_are_told_in_plain_words_by_file() -> None:
    cases = [tried(sentence="Refused transitions change nothing", case=name) for name in ("PAID", "EXPIRED")]
    html = drawn(staged(ran(*cases)))
    assert "Every status transition, allowed and refused (R3)" in html
    assert re.search(r'Refused transitions change nothing</th><td class="number">2</td>', html)


def test_a_promise_has_the_outcome_of_its_tests() -> None:
    failed = tried("failed", file="e2e/test_isolation.py", message="no")
    html = drawn(staged(ran(failed, tried(file="e2e/test_burst.py"))))
    promises = html[html.index('id="promises"') : html.index('id="release"')]
    assert '<code>e2e/test_burst.py</code></a> <span class="good">✓ 1 passed</span>' in promises
    assert '<code>e2e/test_isolation.py</code></a> <span class="bad">1 failed</span>' in promises
    assert "An accepted order is never lost." in promises


def test_a_checkout_is_no_release(tmp_path: Path) -> None:
    assert "a checkout, not a release" in drawn()
    release = make_release(tmp_path)
    html = drawn(staged(release=release))
    assert "a checkout, not a release" not in html
    assert release.digest() in html
    assert release.files["packages/get_order.zip"].sha256 in html


def test_what_a_plan_destroys_comes_first(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    changes = [
        Change(address="aws_lambda_function.new", action="add", fields=[]),
        Change(address="aws_iam_role.old", action="destroy", fields=[]),
        Change(address="aws_lambda_function.changed", action="change", fields=["memory_size"]),
    ]
    planned = Planned(environment="prod", release=Sha256(release.digest()), at=NOW, changes=changes)
    html = drawn(staged(name="sit", release=release), planned=planned)
    table = html[html.index("Resources, by what is done to them") :]
    assert table.index("aws_iam_role.old") < table.index("aws_lambda_function.changed") < table.index("function.new")
    assert "memory_size" in table
    assert "1 to destroy" in html
    assert "business owner and tech lead, who are two people" in html
    assert f"To approve: release {release.digest()[:12]} to prod" in html


def test_a_plan_names_what_changes_and_no_value() -> None:
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
    assert [change.dict() for change in deploy.described(raw)] == [
        {"address": "a", "action": "change", "fields": ["memory_size", "runtime", "version"]},
        {"address": "b", "action": "replace", "fields": ["k"]},
        {"address": "c", "action": "add", "fields": []},
        {"address": "d", "action": "destroy", "fields": []},
    ]


def write(base: Path, name: str, release: Manifest | None, *tests: RecordedTest) -> None:
    """Write a stage's records, as the tests do."""
    (base / name).mkdir(parents=True)
    digest = release.digest() if release else None
    (base / name / "run-1.json").write_text(ran(*tests, target=name, release=digest).json())
    (base / name / "times-gw0.jsonl").write_text(
        StepTime(load="one at a time", step="invoice", seconds=1).json() + "\n"
    )
    if release:
        (base / name / manifest.NAME).write_bytes(release.encode())


def test_only_stages_of_the_very_same_release_are_shown_together(tmp_path: Path) -> None:
    release, other = make_release(tmp_path / "a"), make_release(tmp_path / "b", package=b"other")
    base = tmp_path / "records"
    write(base, "local", release, tried())
    write(base, "dev", other, tried())
    write(base, "sit", release, tried())
    assert [stage.name for stage in stages.of_release(base, "sit")] == ["local", "sit"]
    assert [stage.name for stage in stages.of_release(base, "dev")] == ["dev"]
    write(base, "prod", None, tried())
    assert [stage.name for stage in stages.of_release(base, "prod")] == ["prod"]


def test_records_that_are_missing_or_broken_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="run `make e2e TARGET=local`"):
        stages.read(tmp_path / "local")
    write(tmp_path, "local", None, tried())
    (tmp_path / "local" / "run-2.json").write_text("{}")
    with pytest.raises(PackError, match=r"(?s)cannot be read: .*run `make e2e` again"):
        stages.read(tmp_path / "local")


def test_the_summary_of_a_workflow_links_to_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_DIR", str(tmp_path))
    release = make_release(tmp_path / "release")
    write(tmp_path / "records", "dev", release, tried(), tried("failed", message="no"))
    planned = Planned(environment="sit", release=Sha256(release.digest()), at=NOW, changes=[])
    (tmp_path / "records" / "plan.json").write_text(planned.json())
    text = summary("dev", "sit", "https://github.example/artifact")
    assert f"release `{release.digest()[:12]}` to sit" in text
    assert "❌ dev: 1 of 2 tests passed" in text
    assert "In sit: 0 to destroy, 0 to replace, 0 to change, 0 to add" in text
    assert "](https://github.example/artifact)" in text
