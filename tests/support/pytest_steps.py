"""The parts of `bin/test` that run pytest: unit and integration tests, the conformance suite, the end-to-end tests."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from evidence.stages import evidence_folder
from tests.support import coverage
from tests.support.parts import MACHINE, Step, tool
from tests.support.passed import unless_passed
from tooling.paths import ROOT

Target = Literal["local", "dev", "sit", "prod", "failover"]

E2E_CACHE = ".pytest_cache/e2e"
# The embedded engine, and the suite that compares it with AWS.
CONFORMANCE_READS = ("localstack", "tooling", "requirements", "tests/conformance", "tests/support")
_NOTHING_SELECTED = 5


def in_workers(*arguments: str, workers: str = "auto", environment: Mapping[str, str] | None = None) -> Step:
    # By module: what its tests share, such as a plan, is made once.
    options = ("-n", workers, "--dist", "loadscope", "--no-loadscope-reorder")
    hint = "`make unit ARGS=--last-failed` runs what failed"
    return tool("pytest", *arguments, *options, hint=hint, environment=environment)


def unit_steps(arguments: Sequence[str]) -> list[Step]:
    """Unit and integration tests; with their coverage unless arguments choose some of them."""
    folders = ("tests/unit", "tests/integration")
    if arguments:
        return [in_workers(*folders, *arguments)]
    folder = ROOT / "build" / "coverage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    measured = {**os.environ, coverage.FOLDER_VARIABLE: str(folder)}
    report = [sys.executable, "-m", "tests.support.coverage", str(folder)]
    return [
        # Tests of the engine wait half of the time.
        in_workers(*folders, workers=str((os.cpu_count() or 1) + 1), environment=measured),
        Step(report, "test the lines above, which no test runs"),
    ]


def conformance_steps(engine: str, target: str | None, check: bool, arguments: Sequence[str]) -> list[Step]:
    """The service's use of AWS, call by call, on an engine or in dev."""
    options = ("--engine", engine, *(("--target", target) if target else ()), *(("--check",) if check else ()))
    hint = "docs/engines.md says what each engine lacks"
    return [
        *([Step([*MACHINE, "install", engine])] if engine == "moto" else []),
        tool("pytest", "tests/conformance", *options, *arguments, hint=hint),
        *([Step([sys.executable, "-m", "tests.conformance.twins"], hint)] if engine == "dynamodb-local" else []),
    ]


def conformance_unless_passed() -> list[Step]:
    inputs = [*(ROOT / folder for folder in CONFORMANCE_READS), ROOT / "docs" / "parity.md", Path(__file__)]
    return unless_passed("conformance", inputs, lambda: conformance_steps("embedded", None, True, ()))


class OwnStack:
    """A separate stack for the tests on free ports, alongside the one of `make up`.

    Args:
        folder: Folder of the stack.
        options: Options of `bin/ops stack up`.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.environment = {**os.environ, "STACK_DIR": str(folder)}

    def _ops(self, *arguments: str, hint: str = "") -> Step:
        return Step([sys.executable, "-m", "cli.ops", *arguments], hint, environment=self.environment)

    def up(self) -> list[Step]:
        """Bring up a new stack."""
        shutil.rmtree(self._folder / "mail", ignore_errors=True)
        up = self._ops("stack", "up", "--free-ports", *self._options, hint="fix what is named above, and run it again")
        return [self.down(), up]

    def one_order(self) -> Step:
        """An order from the request to its invoice and mails, checked to the cent."""
        chosen = ("e2e/test_order_flow.py", "-k", "recorded_and_invoiced or mailed_to_customer_and_team")
        hint = "`make e2e ARGS=e2e/test_order_flow.py` runs it on the stack of `make up`, and more orders"
        return tool("pytest", *chosen, "-o", f"cache_dir={E2E_CACHE}", hint=hint, environment=self.environment)

    def faults(self) -> Step:
        """A few orders under faults."""
        return self._ops("lab", "chaos", "--short", hint="`make chaos SEED=11` runs more orders under the same faults")

    def down(self) -> Step:
        """Take the stack down."""
        return self._ops("stack", "down")


class EndToEnd:
    """The end-to-end tests of a target.

    Args:
        target: Environment of the stack.
        arguments: Further arguments of pytest.
        environment: Environment variables of the tests.
        cache: Where pytest keeps which tests failed: runs at the same time must not share it.
    """

    def __init__(
        self, target: Target, arguments: Sequence[str], environment: Mapping[str, str], cache: str = E2E_CACHE
    ) -> None:
        self._target = target
        self._arguments = arguments
        self._environment = environment
        self._cache = cache

    def _pytest(self, *options: str) -> Step:
        records = ("--evidence", str(evidence_folder() / "records"), "-o", f"cache_dir={self._cache}")
        target = ("--target", self._target)
        again = "--last-failed" if self._cache == E2E_CACHE else f'"--last-failed -o cache_dir={self._cache}"'
        # Hypothesis's plugin would import Hypothesis at the end.
        options = ("e2e", "-p", "no:hypothesispytest", *target, *records, *options, *self._arguments)
        hint = f"`make e2e ARGS={again}` runs what failed; `make status` and `make logs FUNCTION=…` show why"
        # The arguments may select no test of this part.
        passes = (0, _NOTHING_SELECTED) if self._arguments else (0,)
        return replace(tool("pytest", *options, hint=hint, environment=self._environment), passes=passes)

    def together(self, report: Path | None = None, quick: bool = False) -> Step:
        """The tests that can run side by side; with `quick` no others follow, which the evidence then says."""
        shutil.rmtree(evidence_folder() / "records" / self._target, ignore_errors=True)
        options = [*([f"--junitxml={report}"] if report else []), *(["--quick-run"] if quick else [])]
        return self._pytest("-n", "4", "-m", "not alone", *options)

    def alone(self, long: bool) -> Step:
        """The tests that need the stack for themselves."""
        return self._pytest("-m", f"alone and not timed{'' if long else ' and not long'}")

    def leftovers(self) -> Step:
        """The tests that read what all tests before them left."""
        return self._pytest("-m", "leftovers")

    def timed(self) -> Step:
        """The tests whose times are shown, on a machine that does nothing else."""
        return self._pytest("-m", "timed")

    def evidence(self) -> Step:
        """Render the evidence pack, of failed tests too."""
        command = [sys.executable, "-m", "cli.release", "evidence", "--target", self._target]
        return Step(command, environment=self._environment, always=True)
