"""Renders the evidence pack: one HTML file that holds everything it shows."""

import ast
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup
from PIL import Image

from evidence import stages
from evidence.content import body, pdf_text, rasterize
from evidence.stages import PackError, RecordedTest, Stage
from release.deploy import Planned
from release.environments import ENVIRONMENTS, EnvironmentName
from tooling.agreed_limits import LOADS, STEPS, Load, Step, Summary, summarise
from tooling.paths import BASE_CSS, ROOT

# Small enough to be sent as an attachment.
MAX_BYTES = 5_000_000
_HERE = Path(__file__).parent
_PROMISES = ROOT / "docs" / "promises.md"
_PIXELS_PER_POINT = 1.6
_COLOURS = 64
_NAMES = {"local": "the local stack", "dev": "dev", "sit": "sit", "prod": "prod", "failover": "prod's fail-over"}
# What a plan does to a resource, the most dangerous first.
ACTIONS = {"destroy": "Destroy", "replace": "Replace", "change": "Change", "add": "Add"}
_MAILS = {
    "confirmation.eml": "To the customer, when the invoice is ready",
    "status.eml": "To the customer, when an order is paid (another order of this run)",
    "internal.eml": "To the team, when an order is recorded",
}
_HEADERS = ("From", "To", "Reply-To", "Subject")
# The time axis ends at this multiple of the limit at the latest: slower orders would squeeze all others to the left.
_MAX_LIMITS = 3


class Group(NamedTuple):
    """The tests of a file: its path, what it tests, and how many tests passed and failed."""

    file: str
    about: str
    passed: int
    failed: int
    # What each test tests, its number of cases, and per stage its outcome and seconds.
    rows: list[tuple[str, int, list[tuple[str, float] | None]]]

    @property
    def anchor(self) -> str:
        """Id of the group in the page."""
        return Path(self.file).stem


class Strip(NamedTuple):
    """Times of a step under a load as dots on a time axis; `beyond` counts the orders to the right of it."""

    step: Step
    load: Load
    summary: Summary
    # Right end of the axis, in seconds; strips of the same step share it.
    edge: float
    # Position of each order in percent of the axis, and its height in pixels from the middle.
    dots: list[tuple[float, float]]
    beyond: int


class Exhibits(NamedTuple):
    """What the customer got: stage, order, pages and text of the invoice, and mails by description."""

    stage: str
    order: dict[str, Any] | None
    invoice: list[Image.Image]
    invoice_text: str
    mails: list[tuple[str, EmailMessage]]


def _about(file: str) -> str:
    """First line of a test file's docstring, or its name."""
    path = ROOT / file
    text = ast.get_docstring(ast.parse(path.read_text())) if path.suffix == ".py" and path.is_file() else None
    return text.splitlines()[0].removesuffix(".") if text else file


def _outcome(tests: Sequence[RecordedTest]) -> tuple[str, float] | None:
    """The worst outcome of a test's cases, and their seconds together."""
    outcomes = {test.outcome for test in tests}
    worst = next((name for name in ("failed", "skipped", "passed") if name in outcomes), None)
    return (worst, sum(test.seconds for test in tests)) if worst else None


def _groups(shown: Sequence[Stage]) -> list[Group]:
    groups = []
    for file in sorted({test.file for stage in shown for test in stage.tests}):
        by_stage = [[test for test in stage.tests if test.file == file] for stage in shown]
        tests = [test for of_stage in by_stage for test in of_stage]
        rows = []
        # In the order that they were run, each sentence once.
        for sentence in dict.fromkeys(test.sentence for test in tests):
            cases = [[test for test in of_stage if test.sentence == sentence] for of_stage in by_stage]
            rows.append((sentence, max(map(len, cases)), [_outcome(each) for each in cases]))
        passed, failed = (sum(test.outcome == outcome for test in tests) for outcome in ("passed", "failed"))
        groups.append(Group(file, _about(file), passed, failed, rows))
    return groups


def _strips(stage: Stage) -> list[Strip]:
    strips = []
    for step in STEPS:
        by_load = {load: [t.seconds for t in stage.times if (t.step, t.load) == (step, load)] for load in LOADS}
        summaries = {load: summarise(step, seconds) for load, seconds in by_load.items() if seconds}
        for load, summary in summaries.items():
            longest, limit = max(each.longest for each in summaries.values()), summary.limit
            edge = min(max(limit * 1.25, longest * 1.05), limit * _MAX_LIMITS)
            # Spread vertically by position in the list: the same records give the same picture.
            dots = [
                (round(100 * t / edge, 2), (n * 7 % 11 - 5) * 1.6) for n, t in enumerate(by_load[load]) if t <= edge
            ]
            strips.append(Strip(step, load, summary, edge, dots, summary.n - len(dots)))
    return strips


def _exhibits(shown: Sequence[Stage]) -> Exhibits | None:
    """What the customer got, from the latest of the stages with the most exhibits."""
    stage = max(reversed(shown), key=lambda each: len(each.exhibits))
    if not stage.exhibits:
        return None
    # The order has the same address as the invoice, and unbroken: a PDF may break it over two lines.
    order = stage.exhibits.get("order.json")
    stages.require_test_addresses("order.json", (order or b"").decode())
    invoice = stage.exhibits.get("invoice.pdf") if order else None
    mails = []
    for name, about in _MAILS.items():
        if name in stage.exhibits:
            mail = message_from_bytes(stage.exhibits[name], policy=default)
            shown_text = [*(str(mail[header]) for header in _HEADERS), body(mail, "plain"), body(mail, "html")]
            stages.require_test_addresses(name, " ".join(shown_text))
            mails.append((about, mail))
    return Exhibits(
        stage=stage.name,
        order=json.loads(order) if order else None,
        invoice=rasterize(invoice, _PIXELS_PER_POINT) if invoice else [],
        invoice_text=pdf_text(invoice) if invoice else "",
        mails=mails,
    )


def _promises(groups: Sequence[Group]) -> Markup:
    """The table of docs/promises.md with the outcome of each test file, and without links to other documents."""
    text = _PROMISES.read_text().partition("\n## ")[0].partition("\n")[2]
    html = re.sub(r"</?a\b[^>]*>", "", MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
    for group in groups:
        mark = f"{group.failed} failed" if group.failed else f"✓ {group.passed} passed"
        kind = "bad" if group.failed else "good"
        linked = f'<a href="#{group.anchor}"><code>{group.file}</code></a> <span class="{kind}">{mark}</span>'
        html = html.replace(f"<code>{group.file}</code>", linked)
    caption = "<caption>What the service promises, how it keeps the promise, and which test checks it</caption>"
    html = html.replace("<table>", f'<div class="wide" tabindex="0"><table>{caption}')
    # Markdown of this repository, its HTML escaped.
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704  # nosec B704


def _next(stage: str) -> EnvironmentName | None:
    if stage == "local":
        return "dev"
    return next((name for name, each in ENVIRONMENTS.items() if each.before == stage and name != "failover"), None)


def _data_url(image: Image.Image) -> str:
    # Text uses few colours: a palette takes a third of the bytes and looks the same.
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(png := BytesIO(), "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(png.getvalue()).decode()}"


def _duration(seconds: float) -> str:
    if seconds >= 90:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"


def _date(value: datetime) -> str:
    return f"{value.astimezone(UTC):%d %B %Y, %H:%M} UTC".lstrip("0")


def render(shown: Sequence[Stage], planned: Planned | None, now: datetime) -> str:
    """Render the stages of one release, the newest last, and what its next deployment would do if that is known.

    Raises PackError if the pack would show a mail address that may belong to a person, or exceed MAX_BYTES.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(data_url=_data_url, body=body, duration=_duration, date=_date)
    last, groups = shown[-1], _groups(shown)
    target = planned.environment if planned else _next(last.name)
    html = environment.get_template("page.html").render(
        style=Markup(BASE_CSS.read_text() + (_HERE / "style.css").read_text()),  # noqa: S704  # nosec B704  # our own
        stages=shown,
        last=last,
        names=_NAMES,
        actions=ACTIONS,
        loads=LOADS,
        headers=_HEADERS,
        package_names=[name for name in last.release.files if name.startswith("packages/")] if last.release else [],
        passed=all(stage.passed for stage in shown),
        times={stage.name: strips for stage in shown if (strips := _strips(stage))},
        exhibits=_exhibits(shown),
        groups=groups,
        promises=_promises(groups),
        planned=planned,
        next=_next(last.name),
        approvals=[role.replace("-", " ") for role in ENVIRONMENTS[target].approvals] if target else [],
        now=now,
    )
    size = len(html.encode())
    if size > MAX_BYTES:
        raise PackError(f"the pack has {size:,} bytes, {MAX_BYTES:,} are allowed: let the tests keep smaller pictures")
    return html
