"""Draws the pack: one HTML file that holds everything it shows."""

import ast
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from evidence import pictures, plots, stages
from evidence.pictures import Mail, Picture
from evidence.stages import PackError, RecordedTest, Stage
from release.deploy import Planned
from release.environments import ENVIRONMENTS, EnvironmentName
from tooling.agreed_limits import LOADS, STEPS, Load, Step, Summary, summarise
from tooling.paths import ROOT

# What a mail or a browser takes without thinking.
MOST_BYTES = 5_000_000
_HERE = Path(__file__).parent
_PROMISES = ROOT / "docs" / "promises.md"
_INVOICE_PAGES = 3
_NAMES = {"local": "the local stack", "dev": "dev", "sit": "sit", "prod": "prod", "failover": "prod's fail-over"}
# Of a plan: what to look at first comes first.
ACTIONS = {"destroy": "Destroy", "replace": "Replace", "change": "Change", "add": "Add"}
_MAILS = {
    "confirmation.eml": "To the customer, when the invoice is there",
    "status.eml": "To the customer, when an order is paid (another order of this run)",
    "internal.eml": "To the team, when an order is recorded",
}


class Row(NamedTuple):
    """A test in the table: what it tries, of how many cases, and its outcome and seconds in each stage."""

    sentence: str
    cases: int
    stages: list[tuple[str, float] | None]


class Group(NamedTuple):
    """The tests of a file: its name, what it is about, how many passed and failed, and the rows."""

    file: str
    about: str
    passed: int
    failed: int
    rows: list[Row]

    @property
    def anchor(self) -> str:
        """Its name in the page."""
        return Path(self.file).stem


class Timed(NamedTuple):
    """The times of a stage: a row for each step and load, and the plot."""

    stage: str
    rows: list[tuple[Step, Load, Summary]]
    plot: Markup

    def loads(self) -> list[tuple[Load, int, list[tuple[Step, Summary]]]]:
        """For each load how many orders it had, and the steps whose p95 is over the limit."""
        found = []
        for load in LOADS:
            mine = [(step, summary) for step, of, summary in self.rows if of == load]
            if mine:
                over = [(step, summary) for step, summary in mine if not summary.within]
                found.append((load, max(summary.n for _, summary in mine), over))
        return found


class Exhibits(NamedTuple):
    """What the customer got: where, the order, the invoice and its text, and the mails by what they are."""

    stage: str
    order: stages.Order | None
    invoice: list[Picture]
    invoice_pages: int
    invoice_text: str
    mails: list[tuple[str, Mail]]


def _about(file: str) -> str:
    """What a file of tests is about: the first line of its docstring, or its name."""
    path = ROOT / file
    text = ast.get_docstring(ast.parse(path.read_text())) if path.suffix == ".py" and path.is_file() else None
    return text.splitlines()[0].removesuffix(".") if text else file


def _outcome(tests: Sequence[RecordedTest]) -> tuple[str, float] | None:
    if not tests:
        return None
    outcomes = {test.outcome for test in tests}
    worst = next(name for name in ("failed", "skipped", "passed") if name in outcomes)
    return worst, sum(test.seconds for test in tests)


def _groups(shown: Sequence[Stage]) -> list[Group]:
    # In the order that they were run, each file and each sentence once.
    files = dict.fromkeys(test.file for stage in shown for test in stage.tests)
    groups = []
    for file in sorted(files):
        by_stage = [[test for test in stage.tests if test.file == file] for stage in shown]
        every = [test for tests in by_stage for test in tests]
        rows = []
        for sentence in dict.fromkeys(test.sentence for test in every):
            of_it = [[test for test in tests if test.sentence == sentence] for tests in by_stage]
            rows.append(Row(sentence, max(map(len, of_it)), [_outcome(tests) for tests in of_it]))
        counts = [sum(test.outcome == outcome for test in every) for outcome in ("passed", "failed")]
        groups.append(Group(file, _about(file), counts[0], counts[1], rows))
    return groups


def _timed(stage: Stage) -> Timed | None:
    times: dict[Step, dict[Load, list[float]]] = {step: {load: [] for load in LOADS} for step in STEPS}
    for time in stage.times:
        times[time.step][time.load].append(time.seconds)
    rows = [
        (step, load, summarise(step, seconds)) for step in STEPS for load, seconds in times[step].items() if seconds
    ]
    # The SVG is matplotlib's, of numbers and our own words.
    return Timed(stage.name, rows, Markup(plots.strips(times))) if rows else None  # noqa: S704  # nosec B704


def _exhibits(shown: Sequence[Stage]) -> Exhibits | None:
    """What the customer got in the stage that knows most of it; of two that know as much, the later."""
    stage = max(reversed(shown), key=lambda each: len(each.exhibits))
    if not stage.exhibits:
        return None
    # The invoice's address is the order's, and there whole: a PDF breaks it over two lines.
    order = stage.exhibits.get("order.json")
    stages.require_test_addresses("order.json", (order or b"").decode())
    invoice = stage.exhibits.get("invoice.pdf") if order else None
    pages = pictures.of_pdf(invoice) if invoice else []
    text = pictures.text_of_pdf(invoice) if invoice else ""
    mails = []
    for name, about in _MAILS.items():
        content = stage.exhibits.get(name)
        if content:
            mail = pictures.of_mail(content)
            stages.require_test_addresses(name, " ".join([*mail.headers.values(), mail.text]))
            mails.append((about, mail))
    return Exhibits(stage.name, stages.order_of(stage), pages[:_INVOICE_PAGES], len(pages), text, mails)


def _promises(groups: Sequence[Group]) -> Markup:
    """The promises' table, each test file in it with its outcome; without links, which lead nowhere from here."""
    text = _PROMISES.read_text().partition("\n## ")[0].partition("\n")[2]
    html = re.sub(r"</?a\b[^>]*>", "", MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
    for group in groups:
        mark = f"{group.failed} failed" if group.failed else f"✓ {group.passed} passed"
        kind = "bad" if group.failed else "good"
        linked = f'<a href="#{group.anchor}"><code>{group.file}</code></a> <span class="{kind}">{mark}</span>'
        html = html.replace(f"<code>{group.file}</code>", linked)
    caption = "<caption>What the service promises, what keeps it, and what tries it</caption>"
    html = html.replace("<table>", f'<div class="wide" tabindex="0"><table>{caption}')
    # Markdown of this repository, its HTML escaped.
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704  # nosec B704


def _next(stage: str) -> EnvironmentName | None:
    if stage == "local":
        return "dev"
    return next((name for name, place in ENVIRONMENTS.items() if place.before == stage and name != "failover"), None)


def _data(picture: Picture) -> str:
    return f"data:image/png;base64,{b64encode(picture.png).decode()}"


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _seconds(value: float) -> str:
    """Seconds as people read them."""
    if value >= 90:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def _when(value: datetime) -> str:
    return f"{value.astimezone(UTC):%d %B %Y, %H:%M} UTC".lstrip("0")


def _files(shown: Stage) -> dict[str, list[tuple[str, Any]]]:
    """The files of the release by kind."""
    if shown.release is None:
        return {}
    found = shown.release.files
    kinds = {
        "packages": [(name, file) for name, file in found.items() if name.startswith("packages/")],
        "others": [(name, file) for name, file in found.items() if not name.startswith("packages/")],
    }
    return {kind: sorted(files) for kind, files in kinds.items()}


def draw(shown: Sequence[Stage], planned: Planned | None, now: datetime) -> str:
    """The pack as HTML.

    Args:
        shown: the stages of one release, the newest last.
        planned: what its deployment to the next environment would do, if that is known.
        now: when it is drawn, in UTC.

    Raises:
        PackError: it would show somebody's mail address, or is too large to be passed on.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(data=_data, size=_size, seconds=_seconds, when=_when)
    last, groups = shown[-1], _groups(shown)
    html = environment.get_template("page.html").render(
        style=Markup((_HERE / "style.css").read_text()),  # noqa: S704  # nosec B704  # our own
        stages=shown,
        last=last,
        names=_NAMES,
        kinds=ACTIONS,
        passed=all(stage.passed for stage in shown),
        timed=[timed for stage in shown if (timed := _timed(stage))],
        exhibits=_exhibits(shown),
        groups=groups,
        promises=_promises(groups),
        files=_files(last),
        planned=planned,
        next=_next(last.name),
        approvals=_approvers(planned.environment if planned else _next(last.name)),
        now=now,
    )
    size = len(html.encode())
    if size > MOST_BYTES:
        raise PackError(
            f"the pack has {size:,} bytes, {MOST_BYTES:,} are allowed: have the tests keep smaller pictures"
        )
    return html


def _approvers(environment: EnvironmentName | None) -> Iterable[str]:
    return [role.replace("-", " ") for role in ENVIRONMENTS[environment].approvals] if environment else []
