"""What the tests of one stage left for the evidence pack: a folder `records/<stage>`, which a release takes along.

run-<time>.json       a run of pytest: the tests, and what they were run on
times-<worker>.jsonl  how soon orders came through, a line for each time
release.json          the manifest of the release that was tested, if it was one
order.json            the order that the customer's pictures are of
invoice.pdf, confirmation.eml, internal.eml, status.eml
"""

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from release import manifest
from release.manifest import Manifest, Sha256, Strict
from release.store import Store
from tooling.agreed_limits import Load, Step
from tooling.cli import UserError
from tooling.paths import ROOT

# The target of the tests: the local stack, or an environment.
STAGES = ("local", "dev", "sit", "prod", "failover")
EXHIBITS = ("order.json", "invoice.pdf", "confirmation.eml", "internal.eml", "status.eml")
# On the local stack, begin of their marks: what they are.
_AFTERWARDS = {"alone": "run alone", "timed": "are timed"}
# Domains that belong to nobody (RFC 2606), SES's simulator, and the service's own.
_NOBODYS = re.compile(
    r"(?:^|\.)(?:example(?:\.com|\.net|\.org)?|simulator\.amazonses\.com|kimmyai\.io)$", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})")
_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")


class PackError(UserError):
    """The pack cannot be drawn; the text says why and what to do."""


class RecordedTest(Strict):
    """A test that was run.

    Args:
        file: its module, such as e2e/test_status.py.
        sentence: what it tries, in plain words.
        case: which case of it, if it has several.
        outcome: of it.
        seconds: how long it took.
        message: why it failed; no token, and no address but those of tests.
    """

    file: str
    sentence: str
    case: str = ""
    outcome: Literal["passed", "failed", "skipped"]
    seconds: float = Field(..., ge=0)
    message: str = ""


class PytestRun(Strict):
    """A run of pytest.

    Args:
        target: what was tested.
        engine: of the local stack; None in AWS.
        marks: which tests were chosen by mark, such as `not alone`.
        selection: which were chosen besides; empty for all.
        commit: of the tests.
        changed: whether the tree had changes that are not committed.
        release: digest of the release that was tested; None for what was built from the tree.
        machine: that the tests ran on.
        started_at: when, in UTC.
        seconds: how long it took.
        exit_status: of pytest; 0 if all passed.
        tests: that were run.
    """

    target: str
    engine: str | None
    marks: str
    selection: str
    commit: str
    changed: bool
    release: Sha256 | None
    machine: str
    started_at: datetime
    seconds: float
    exit_status: int
    tests: list[RecordedTest]


class StepTime(Strict):
    """How long an order took to a step, in seconds."""

    load: Load
    step: Step
    seconds: float = Field(..., ge=0)


class Stage(NamedTuple):
    """What was tested where.

    Args:
        name: of the target.
        runs: of pytest, oldest first.
        times: of all orders that were followed.
        release: that was tested; None for what was built from the tree.
        exhibits: what the customer got, by name of file.
    """

    name: str
    runs: list[PytestRun]
    times: list[StepTime]
    release: Manifest | None
    exhibits: dict[str, bytes]

    @property
    def tests(self) -> list[RecordedTest]:
        """The tests of all runs."""
        return [test for run in self.runs for test in run.tests]

    @property
    def failed(self) -> list[RecordedTest]:
        """The tests that failed."""
        return [test for test in self.tests if test.outcome == "failed"]

    @property
    def unfinished(self) -> str:
        """Why the runs do not say that all is well though no test failed; empty if they do."""
        # 5 is of a run in which a selection left nothing to do.
        broken = [run for run in self.runs if run.exit_status not in (0, 1, 5)]
        if broken:
            return f"pytest ended with status {broken[0].exit_status}, so not all tests were run"
        marks = {run.marks for run in self.runs}
        if self.name == "local" and "not alone" in marks:
            for begin, which in _AFTERWARDS.items():
                if not any(mark.startswith(begin) for mark in marks):
                    return f"the tests that {which}, after the others, were not run"
        if not any(test.outcome == "passed" for test in self.tests):
            return "no test was run"
        return ""

    @property
    def selection(self) -> str:
        """Which tests were chosen; empty if all were run."""
        return next((run.selection for run in self.runs if run.selection), "")

    @property
    def passed(self) -> bool:
        """Whether all tests were run and passed."""
        return not self.failed and not self.unfinished

    @property
    def ended_at(self) -> datetime:
        """When the last run ended, in UTC."""
        return max(run.started_at + timedelta(seconds=run.seconds) for run in self.runs)

    @property
    def seconds(self) -> float:
        """How long all runs took together."""
        return sum(run.seconds for run in self.runs)


def evidence_folder() -> Path:
    """The folder named by EVIDENCE_DIR, or build/evidence."""
    return Path(os.environ.get("EVIDENCE_DIR") or ROOT / "build" / "evidence").resolve()


def records_folder() -> Path:
    """Where the stages' folders are."""
    return evidence_folder() / "records"


def redact(text: str) -> str:
    """A text without tokens, and without addresses that might be somebody's."""
    hidden = _TOKEN.sub("(token)", text)
    return _ADDRESS.sub(lambda found: found[0] if _NOBODYS.search(found[1]) else "(mail address)", hidden)


def require_test_addresses(name: str, text: str) -> None:
    """Check that a text names nobody.

    Raises:
        PackError: it has a mail address that might be somebody's.
    """
    for found in _ADDRESS.finditer(text):
        if not _NOBODYS.search(found[1]):
            raise PackError(
                f"{name} has a mail address at {found[1]}, which may be somebody's: "
                "the pack holds test tenants' data only, so place the tests' orders with addresses at example.com"
            )


def read(path: Path) -> Stage:
    """The stage in a folder.

    Raises:
        PackError: there is none, or a record is not of the form.
    """
    try:
        runs = [PytestRun.parse_raw(file.read_bytes()) for file in sorted(path.glob("run-*.json"))]
        times = [
            StepTime.parse_raw(line)
            for file in sorted(path.glob("times-*.jsonl"))
            for line in file.read_text().splitlines()
        ]
    except ValidationError as error:
        raise PackError(f"a record in {path} cannot be read: {error}; run `make e2e` again") from None
    if not runs:
        raise PackError(f"there are no records in {path}: run `make e2e TARGET={path.name}`")
    release = path / manifest.NAME
    return Stage(
        name=path.name,
        runs=runs,
        times=times,
        release=manifest.read(release) if release.exists() else None,
        exhibits={name: (path / name).read_bytes() for name in EXHIBITS if (path / name).exists()},
    )


def of_release(base: Path, name: str) -> list[Stage]:
    """A stage, and the stages before it that tested the very same release, in the order of STAGES.

    Raises:
        PackError: the stage was not tested, or a record is not of the form.
    """
    last = read(base / name)
    earlier = [base / stage for stage in STAGES[: STAGES.index(name)] if last.release and (base / stage).is_dir()]
    return [*(stage for stage in map(read, earlier) if stage.release == last.release), last]


def _key(digest: str, name: str) -> str:
    return f"records/{digest}/{name}.zip"


def upload(store: Store, digest: str, base: Path) -> list[str]:
    """Put the records of a release into a bucket, a file for each stage; the first of each stays.

    Returns:
        The names of the stages.
    """
    found = [path for path in _folders(base) if (stage := read(path)).release and stage.release.digest() == digest]
    for path in found:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path.iterdir()):
                archive.write(file, file.name)
        store.write_once(_key(digest, path.name), packed.getvalue())
    return [path.name for path in found]


def _folders(base: Path) -> Iterable[Path]:
    return (base / name for name in STAGES if (base / name).is_dir())


def copy(source: Store, target: Store, digest: str) -> None:
    """Copy the records of a release from the bucket of the account before."""
    for key in source.keys(_key(digest, "").removesuffix(".zip")):
        content = source.read(key)
        if content is not None:
            target.write_once(key, content)


def fetch(store: Store, digest: str, base: Path) -> list[str]:
    """Make the folders of a release's stages from a bucket; what was in them is replaced.

    Returns:
        The names of the stages.
    """
    names = []
    for key in store.keys(_key(digest, "").removesuffix(".zip")):
        content, name = store.read(key), Path(key).stem
        if content is None or name not in STAGES:
            continue
        shutil.rmtree(base / name, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(base / name)
        names.append(name)
    return names


class Order(NamedTuple):
    """The order that the pictures are of: number, total in rand, and how many lines it has."""

    number: str
    total: str
    lines: int


def order_of(stage: Stage) -> Order | None:
    """The order that a stage's pictures are of, if it kept one."""
    content = stage.exhibits.get("order.json")
    if content is None:
        return None
    found = json.loads(content)
    return Order(found["orderNumber"], found["total"], len(found["items"]))
