"""`bin/test`: the checks and tests, all of them or one part; `make test` is `bin/test all`.

Each part is a list of commands that anybody can run by hand. `all` runs the end-to-end tests on two separate
stacks, one for the tests that need it for themselves, the other parts alongside with lower priority, and at last, with
nothing else, the tests whose times are shown. `quick` runs what finds most faults in a minute.
"""

import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Literal

import typer

from localstack import stack as stacks
from localstack.stack import ADVICE
from tests.support.check_steps import (
    api_steps,
    api_unless_passed,
    audit_steps,
    lint_steps,
    provider_steps,
    security_steps,
    terraform_steps,
    terraform_unless_passed,
    types_steps,
)
from tests.support.parts import MACHINE, Parts, Step
from tests.support.pytest_steps import (
    E2E_CACHE,
    EndToEnd,
    OwnStack,
    Target,
    conformance_steps,
    conformance_unless_passed,
    in_workers,
    unit_steps,
)
from tooling.cli import run_cli
from tooling.paths import ROOT
from tooling.program import new_program

app = new_program("The checks and tests. Arguments after -- are passed to pytest: bin/test unit -- -k paging.")

Engine = Literal["embedded", "localstack-host", "localstack"]
PytestArguments = Annotated[
    list[str] | None, typer.Argument(metavar="[-- PYTEST ARGUMENTS]", help="Such as -k paging.")
]

_STACK, _SECOND_STACK, _QUICK_STACK = (ROOT / "build" / name for name in ("test", "test-alone", "test-quick"))


# Alongside the end-to-end tests, in this order, two at a time.
_ALONGSIDE: Mapping[str, Callable[[], Sequence[Step]]] = {
    "unit": lambda: unit_steps(()),
    "lint": lint_steps,
    "types": types_steps,
    "security": security_steps,
    "api": api_unless_passed,
    "terraform": terraform_unless_passed,
    "conformance": conformance_unless_passed,
}


def _pytest_arguments(given: list[str] | None) -> list[str]:
    """Further arguments of pytest: of this command, and those that make and the rehearsal pass in a variable."""
    # Tests start other runs of pytest.
    return [*(given or []), *shlex.split(os.environ.pop("TEST_ARGUMENTS", ""))]


def _finish(parts: Parts) -> None:
    raise typer.Exit(parts.summarise())


@app.command(name="all")
def all_parts() -> None:
    """Run what must pass before a pull request; CI adds LocalStack, the runbooks, the packages and the audit.

    Terraform's tests, the linters of the API and the conformance suite run again only if something changes that they
    read.
    """
    parts = Parts(prefixed=True)
    # Only the first is tested under faults; the proxy for them takes part in every call.
    stack, second = OwnStack(_STACK, "--faults"), OwnStack(_SECOND_STACK)
    tests = EndToEnd("local", (), stack.environment)
    alone = EndToEnd("local", (), second.environment, f"{E2E_CACHE}-alone")
    with parts.shown():
        if not parts.run("machine", lambda: [Step([*MACHINE, "test"])]):
            _finish(parts)
        try:
            # The stacks wait most of the time: for Terraform, queues and faults.
            with ThreadPoolExecutor(max_workers=2) as alongside, ThreadPoolExecutor(max_workers=2) as on_stacks:
                futures = [alongside.submit(parts.run, name, steps, nice=True) for name, steps in _ALONGSIDE.items()]
                up = parts.run("stack", stack.up)
                if up:
                    together = [tests.together(), tests.leftovers(), stack.faults()]
                    # From the snapshot of the first stack.
                    apart = [*second.up(), alone.alone(long=False), second.down()]
                    futures.append(on_stacks.submit(parts.run, "e2e", lambda: together))
                    futures.append(on_stacks.submit(parts.run, "e2e alone", lambda: apart))
            # Nothing else runs now, and the times are those of a quiet machine.
            if up and all(future.result() for future in futures):
                parts.run("timed", lambda: [tests.timed()])
            parts.run("evidence", lambda: [tests.evidence()])
        finally:
            parts.run("stack down", lambda: [stack.down(), second.down()])
    _finish(parts)


@app.command()
def quick() -> None:
    """Run lint, types, unit tests without their coverage, and one order end to end, within a minute.

    Slow unit tests run only if an uncommitted change affects them: those of pictures, invoices, whole commands and the
    audit.
    """
    parts = Parts(prefixed=True)
    stack = OwnStack(_QUICK_STACK)
    with parts.shown():
        if not parts.run("machine", lambda: [Step([*MACHINE, "test"])]):
            _finish(parts)
        try:
            with ThreadPoolExecutor(max_workers=3) as pool:
                futures = [
                    pool.submit(parts.run, "order", lambda: [*stack.up(), stack.one_order()]),
                    pool.submit(parts.run, "unit", lambda: [in_workers("tests/unit", "--quick")]),
                    pool.submit(parts.run, "lint", lambda: [*lint_steps(), *types_steps()]),
                ]
            # A part that could not run raises here.
            for future in futures:
                future.result()
        finally:
            parts.run("stack down", lambda: [stack.down()])
    _finish(parts)


def _one(name: str, steps: Sequence[Step]) -> None:
    parts = Parts(prefixed=False)
    parts.run(name, lambda: steps)
    _finish(parts)


@app.command()
def lint() -> None:
    """Check style, format, imports between packages, and the workflows."""
    _one("lint", lint_steps())


@app.command()
def types() -> None:
    """Check types."""
    _one("types", types_steps())


@app.command()
def security() -> None:
    """Look for weaknesses in the code, and for secrets in all files."""
    _one("security", security_steps())


@app.command()
def api() -> None:
    """Check the API document with the linters of Redocly and Spectral, where npm is installed."""
    _one("api", api_steps())


@app.command()
def static() -> None:
    """Run lint, types, security and api."""
    _one("static", [*lint_steps(), *types_steps(), *security_steps(), *api_steps()])


@app.command()
def audit(
    url: Annotated[str | None, typer.Option(help="URL of another OSV service.")] = None,
    lock: Annotated[list[Path] | None, typer.Option(help="Only this file of requirements/; repeatable.")] = None,
) -> None:
    """Look up known vulnerabilities of every locked library; not a part of all, since they change any day."""
    # LocalStack's libraries are frozen with it; it runs alone, on this machine, and holds nothing real.
    found = [path for path in sorted((ROOT / "requirements").glob("*.txt")) if path.stem != "localstack"]
    _one("audit", audit_steps(url, lock or found))


@app.command()
def terraform() -> None:
    """Run terraform fmt, validate and test, and checkov; nothing reaches AWS."""
    _one("terraform", terraform_steps())


@app.command()
def provider(version: Annotated[str, typer.Option(help="Version of the AWS provider.")] = "~> 6.0") -> None:
    """Validate Terraform with the newest provider 6; not a part of all, since it is not locked."""
    _one("provider", provider_steps(version))


@app.command()
def bare(
    suite: Annotated[
        Literal["bookworm", "trixie", "noble"], typer.Argument(help="Debian 12, Debian 13, Ubuntu 24.04.")
    ],
    who: Annotated[Literal["root", "user"], typer.Argument(help="Who runs it; a user without sudo.")] = "root",
) -> None:
    """Run the first commands of README on a bare machine; needs root; not a part of all."""
    become_root = [] if os.geteuid() == 0 else ["sudo", "--preserve-env", "env", f"PATH={os.environ['PATH']}"]
    _one("bare", [Step([*become_root, str(ROOT / ".ci" / "bare-machine"), suite, who])])


@app.command()
def unit(arguments: PytestArguments = None) -> None:
    """Run unit and integration tests, with coverage."""
    _one("unit", unit_steps(_pytest_arguments(arguments)))


@app.command()
def conformance(
    arguments: PytestArguments = None,
    engine: Annotated[
        Literal["embedded", "moto", "localstack-host", "localstack", "dynamodb-local"],
        typer.Option(help="Engine to try."),
    ] = "embedded",
    target: Annotated[Literal["dev"] | None, typer.Option(help="Try AWS itself, in the account of dev.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Fail if docs/parity.md is not what this run found.")] = False,
) -> None:
    """Compare an engine with what AWS documents, call by call."""
    _one("conformance", conformance_steps(engine, target, check, _pytest_arguments(arguments)))


@app.command()
def e2e(
    arguments: PytestArguments = None,
    target: Annotated[Target, typer.Option(help="Environment of the stack.")] = "local",
    report: Annotated[Path | None, typer.Option(help="JUnit report for `bin/release record`.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only the tests that can run side by side.")] = False,
    long: Annotated[bool, typer.Option("--long", help="The runbooks too, which take minutes.")] = False,
    fresh: Annotated[bool, typer.Option("--own-stack", help="Bring up a stack for them, and take it down.")] = False,
    engine: Annotated[Engine, typer.Option(help="Engine of the own stack.")] = "embedded",
    release_dir: Annotated[Path | None, typer.Option(help="Release that the own stack runs.")] = None,
) -> None:
    """Drive orders through a stack, and render the evidence; a separate stack is also tested under faults."""
    if (engine != "embedded" or release_dir) and not fresh:
        raise typer.BadParameter("--engine and --release-dir are of a stack that --own-stack brings up")
    # The agreed limits and the fault proxy are those of the embedded engine.
    embedded = (engine if fresh else stacks.load().engine) == "embedded"
    faults = fresh and not quick and embedded
    pytest_arguments = _pytest_arguments(arguments)
    options = ["--engine", engine, *(["--faults"] if faults else [])]
    stack = OwnStack(_STACK, *options, *(["--release-dir", str(release_dir)] if release_dir else []))
    tests = EndToEnd(target, pytest_arguments, stack.environment if fresh else os.environ)
    # Elsewhere no others run anyway.
    quick = quick and target == "local"
    steps = [*(stack.up() if fresh else []), tests.together(report, quick)]
    if not quick and target == "local":
        steps += [tests.alone(long), *([stack.faults()] if faults else [])]
        steps += [tests.timed()] if embedded else []
    parts = Parts(prefixed=False)
    try:
        parts.run("e2e", lambda: [*steps, tests.evidence()])
    finally:
        if fresh:
            parts.run("stack down", lambda: [stack.down()])
    _finish(parts)


if __name__ == "__main__":
    # A shell starts what it runs in the background with Ctrl-C ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run_cli(lambda: app(prog_name="test"), ADVICE))
