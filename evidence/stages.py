"""Records of what the tests of each stage saw: a folder `records/STAGE`, which travels with the release.

run-TIME.json         one run of pytest: its tests and what they ran on
times-WORKER.jsonl    how long orders took, one line per time
release.json          manifest of the tested release, if it was a release
order.json            the order that the mails and the invoice belong to
invoice.pdf, confirmation.eml, internal.eml, status.eml
"""

import io
import os
import re
import shutil
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from release import deploy, manifest
from release.manifest import Manifest, Sha256, Strict
from release.store import Store
from tooling.agreed_limits import Load, Step
from tooling.cli import UserError
from tooling.paths import ROOT

STAGES = ("local", "dev", "sit", "prod", "failover")
EXHIBITS = ("order.json", "invoice.pdf", "confirmation.eml", "internal.eml", "status.eml")
# Runs that follow the main run on the local stack: how their mark expression begins, and what they are.
_LATER_RUNS = {"alone": "run alone", "timed": "are timed"}
# The agreed limits are measured on no other.
_TIMED_ENGINE = "embedded"
# Reserved domains (RFC 2606), SES's simulator, and the service's own domain.
_TEST_DOMAINS = re.compile(
    r"(?:^|\.)(?:example(?:\.com|\.net|\.org)?|simulator\.amazonses\.com|kimmyai\.io)$", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})")
_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_NO_TESTS_COLLECTED = 5


class PackError(UserError):
    """The pack cannot be rendered; the text says why and what to do."""


class RecordedTest(Strict):
    """Result of a test, or of a case of one; `message` says why it failed, without tokens and private addresses."""

    file: str
    # What is tested, in plain words.
    sentence: str
    case: str = ""
    outcome: Literal["passed", "failed", "skipped"]
    seconds: float = Field(..., ge=0)
    message: str = ""


class PytestRun(Strict):
    """A run of pytest: its mark and keyword expressions (empty for none), and what it tested."""

    target: str
    # None in AWS.
    engine: str | None
    marks: str
    selection: str
    # Whether it leaves out the tests that run alone, after the others.
    quick: bool = False
    # How many tests the run could choose from; None in older records.
    collected: int | None = None
    commit: str
    # Whether the tree had uncommitted changes.
    changed: bool
    # Digest of the tested release; None for packages built from the tree.
    release: Sha256 | None
    machine: str
    started_at: datetime
    seconds: float
    exit_status: int
    tests: list[RecordedTest]


class StepTime(Strict):
    """How many seconds an order took to reach a step."""

    load: Load
    step: Step
    seconds: float = Field(..., ge=0)


class Stage(NamedTuple):
    """Records of one stage: its runs, oldest first, and by file name what the customer got."""

    name: str
    runs: list[PytestRun]
    times: list[StepTime]
    release: Manifest | None
    exhibits: dict[str, bytes]

    @property
    def tests(self) -> list[RecordedTest]:
        return [test for run in self.runs for test in run.tests]

    @property
    def failed(self) -> list[RecordedTest]:
        return [test for test in self.tests if test.outcome == "failed"]

    @property
    def passed_count(self) -> int:
        return sum(test.outcome == "passed" for test in self.tests)

    @property
    def unfinished(self) -> str:
        """Why the runs are incomplete although no test need have failed; empty if they are complete."""
        for run in self.runs:
            if run.exit_status not in (0, 1, _NO_TESTS_COLLECTED):
                return f"pytest ended with status {run.exit_status}, so not all tests were run"
        marks = {run.marks for run in self.runs}
        if self.name == "local" and "not alone" in marks and not self.quick:
            for beginning, which in _LATER_RUNS.items():
                # Times are those of the embedded engine.
                needed = beginning != "timed" or any(run.engine == _TIMED_ENGINE for run in self.runs)
                if needed and not any(mark.startswith(beginning) for mark in marks):
                    return f"the tests that {which}, after the others, were not run"
        return "" if self.passed_count or self.failed else "no test was run"

    @property
    def quick(self) -> bool:
        """Whether a run left out tests to be quick."""
        return any(run.quick for run in self.runs)

    @property
    def partial(self) -> str:
        """Which of the tests were chosen, and how many; empty if all were."""
        selections = dict.fromkeys(f"only “{run.selection}”" for run in self.runs if run.selection)
        chosen = [*(["quick"] if self.quick else []), *selections]
        if not chosen:
            return ""
        collected = max((run.collected or 0 for run in self.runs), default=0)
        return ", ".join(chosen) + (f": {len(self.tests)} of {collected} tests" if collected else "")

    @property
    def passed(self) -> bool:
        """Whether the runs are complete and no test failed; they may be runs of some tests only, as `partial` says."""
        return not self.failed and not self.unfinished

    @property
    def ended_at(self) -> datetime:
        return max(run.started_at + timedelta(seconds=run.seconds) for run in self.runs)

    @property
    def digest(self) -> str:
        """Digest of the tested release; empty for packages built from the tree."""
        return self.release.digest() if self.release else ""


def evidence_folder() -> Path:
    """The folder named by EVIDENCE_DIR, or build/evidence."""
    return Path(os.environ.get("EVIDENCE_DIR") or ROOT / "build" / "evidence").resolve()


def records_folder() -> Path:
    """The folder that holds the stages' folders."""
    return evidence_folder() / "records"


def redact(text: str) -> str:
    """Replace tokens, and mail addresses that might belong to somebody."""
    hidden = _TOKEN.sub("(token)", text)
    return _ADDRESS.sub(lambda found: found[0] if _TEST_DOMAINS.search(found[1]) else "(mail address)", hidden)


def require_test_addresses(name: str, text: str) -> None:
    """Raise PackError if a text has a mail address that might belong to somebody."""
    for found in _ADDRESS.finditer(text):
        if not _TEST_DOMAINS.search(found[1]):
            raise PackError(
                f"{name} has a mail address at {found[1]}, which may belong to a person: "
                "the pack may show data of test tenants only, so let the tests order with addresses at example.com"
            )


def read(path: Path) -> Stage:
    """Read the records in a stage's folder; PackError if there are none, or one is invalid."""
    advice = f"run `bin/test e2e --target {path.name}`"
    try:
        runs = [PytestRun.parse_raw(file.read_bytes()) for file in sorted(path.glob("run-*.json"))]
        lines = [line for file in sorted(path.glob("times-*.jsonl")) for line in file.read_text().splitlines()]
        times = [StepTime.parse_raw(line) for line in lines]
    except ValidationError as error:
        raise PackError(f"a record in {path} cannot be read: {error}; {advice} again") from None
    if not runs:
        raise PackError(f"there are no records in {path}: {advice}")
    release = path / manifest.NAME
    return Stage(
        name=path.name,
        runs=runs,
        times=times,
        release=manifest.read(release) if release.exists() else None,
        exhibits={name: (path / name).read_bytes() for name in EXHIBITS if (path / name).exists()},
    )


def require_whole(base: Path, name: str) -> None:
    """Raise PackError if a stage has records, and they are of some tests only: such a run is no evidence.

    A rehearsal, whose accounts are emulated, may run fewer tests: it promotes nothing.
    """
    if not deploy.emulated() and (base / name).is_dir() and (chosen := read(base / name).partial):
        command = f"bin/test e2e --target {name} --report FILE"
        raise PackError(f"not all tests were run in {name} ({chosen}): run all with `{command}`, and record that")


def of_release(base: Path, name: str) -> list[Stage]:
    """Read a stage, or raise PackError, preceded by the earlier stages that tested the very same release."""
    last = read(base / name)
    earlier = [base / stage for stage in STAGES[: STAGES.index(name)] if last.release and (base / stage).is_dir()]
    return [*(stage for stage in map(read, earlier) if stage.release == last.release), last]


def _prefix(digest: str) -> str:
    return f"records/{digest}/"


def upload(store: Store, digest: str, base: Path) -> list[str]:
    """Put the records of a release into its bucket and return its stages; the first archive of each stage stays."""
    folders = [base / name for name in STAGES if (base / name).is_dir() and read(base / name).digest == digest]
    for path in folders:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path.iterdir()):
                archive.write(file, file.name)
        store.write_once(f"{_prefix(digest)}{path.name}.zip", packed.getvalue())
    return [path.name for path in folders]


def copy(source: Store, target: Store, digest: str) -> None:
    """Copy the records of a release to the bucket of the next account."""
    for key in source.keys(_prefix(digest)):
        content = source.read(key)
        if content is not None:
            target.write_once(key, content)


def fetch(store: Store, digest: str, base: Path) -> list[str]:
    """Replace the stages' folders by the records of a release from its bucket; return the names of the stages."""
    names = []
    for key in store.keys(_prefix(digest)):
        content, name = store.read(key), Path(key).stem
        if content is None or name not in STAGES:
            continue
        shutil.rmtree(base / name, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(base / name)
        names.append(name)
    return names
