"""`bin/test`: the checks and tests, all of them or one part; `make test` is `bin/test all`.

Each part is a list of commands that anybody can run by hand. `all` runs the end-to-end tests on two separate
stacks, one for the tests that need it for themselves, the other parts alongside with lower priority, and at last, with
nothing else, the tests whose times are shown. `quick` runs what finds most faults in a minute.
"""

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from evidence.stages import evidence_folder
from localstack import stack as stacks
from localstack.stack import ADVICE
from localstack.terraform import TERRAFORM_DIR
from localstack.terraform import environment as terraform_environment
from tests.support import coverage, shared_provider
from tests.support.kept import program
from tests.support.parts import Parts, Step
from tests.support.passed import unless_passed
from tooling.cli import run_cli
from tooling.paths import ROOT
from tooling.program import new_program

app = new_program("The checks and tests. Arguments after -- are passed to pytest: bin/test unit -- -k paging.")

Engine = Literal["embedded", "localstack-host", "localstack"]
Target = Literal["local", "dev", "sit", "prod", "failover"]
PytestArguments = Annotated[
    list[str] | None, typer.Argument(metavar="[-- PYTEST ARGUMENTS]", help="Such as -k paging.")
]

_BIN = ROOT / ".venv" / "bin"
_PYTHON = sys.executable
_MACHINE = ("python3", "tooling/machine.py")
_STACK, _SECOND_STACK, _QUICK_STACK = (ROOT / "build" / name for name in ("test", "test-alone", "test-quick"))
_E2E_CACHE = ".pytest_cache/e2e"
PACKAGES = ("tooling", "release", "ops", "evidence", "localstack", "labs", "cli")
_LINTERS = ROOT / "tooling" / "openapi"
# Digests of files, which look like keys.
_DIGESTS = ("docs/images/sources.json", "tooling/openapi/package-lock.json")
# What tools make; fonts are left out too.
_NOT_OURS = {".git", ".venv", ".hypothesis", "build", ".terraform", "__pycache__"}
_NOTHING_SELECTED = 5
# The embedded engine, and the suite that compares it with AWS.
CONFORMANCE_READS = ("localstack", "tooling", "requirements", "tests/conformance", "tests/support")


def _tool(name: str, *arguments: str, hint: str = "", environment: Mapping[str, str] | None = None) -> Step:
    """A step that runs a program of the virtual environment."""
    return Step([str(_BIN / name), *arguments], hint, environment=environment)


def lint_steps() -> list[Step]:
    """Style, format, imports between packages, and the files of GitHub and Docker."""
    schemas = {
        "github-workflows": sorted((ROOT / ".github" / "workflows").glob("*.yml")),
        "github-actions": [
            path
            for folder in (".github/actions", "labs/rehearsal/actions")
            for path in sorted((ROOT / folder).glob("*/action.yml"))
        ],
        "dependabot": [ROOT / ".github" / "dependabot.yml"],
        "compose-spec": [ROOT / "docker-compose.yml"],
    }
    separator = shared_provider.SEPARATOR
    checked = [word for name, files in schemas.items() for word in (separator, name, *map(str, files))]
    return [
        _tool("ruff", "check", ".", hint="`.venv/bin/ruff check --fix .` fixes most of it"),
        _tool("ruff", "format", "--check", ".", hint="`.venv/bin/ruff format .` fixes it"),
        _tool("lint-imports", "--no-logo", hint="docs/architecture.md says who may import whom"),
        _tool("zizmor", "--offline", "--quiet", ".github", hint="fix the workflow as the finding says"),
        Step([_PYTHON, "-m", "tests.support.json_schemas", *checked], "fix the file"),
    ]


def types_steps() -> list[Step]:
    """Types of all packages."""
    return [_tool("mypy", hint="fix the types; `bin/test types` checks them again")]


def _our_files() -> Iterator[str]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_OURS and not name.endswith("_cache")]
        paths = (str(Path(folder, name).relative_to(ROOT)) for name in files if not name.endswith(".ttf"))
        yield from (path for path in paths if path not in _DIGESTS)


def _code(*packages: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for package in packages for path in (ROOT / package).rglob("*.py"))


def _changed_files(command: Sequence[str], names: Sequence[str], hint: str) -> Step:
    """A step that runs a program for those of the files that changed since they passed."""
    return Step([_PYTHON, "-m", "tests.support.passed", *command, shared_provider.SEPARATOR, *names], hint)


def security_steps() -> list[Step]:
    """Weaknesses in the code, and secrets in all files; no secret is sent to anybody to verify it."""
    # Tooling runs programs: each is a list of words, which no shell reads.
    tooling = ("--skip", "B404,B603,B607")
    reason = "fix it, or say in its line why it is not a weakness"
    found = "remove the secret, or mark what is not one with `pragma: allowlist secret` and why"
    return [
        _changed_files(("bandit", "-q"), _code("common", "functions"), "fix it: what runs in AWS has no exception"),
        _changed_files(("bandit", "-q", *tooling), _code(*PACKAGES), reason),
        _changed_files(("detect-secrets-hook", "--no-verify"), sorted(_our_files()), found),
    ]


def api_steps() -> list[Step]:
    """The API document, by two linters from npm, which are locked; without npm the run says that they did not run."""
    npm = shutil.which("npm")
    if npm is None:
        missing = "npm is not installed: the linters of docs/openapi.json did not run"
        return [Step([_PYTHON, "-c", f"print({missing!r})"])]
    folder, locks = ROOT / "build" / "openapi", ("package.json", "package-lock.json")
    # npm writes its own lock file when all packages are there.
    made = (folder / "node_modules" / ".package-lock.json").exists() and all(
        (folder / name).read_bytes() == (_LINTERS / name).read_bytes() for name in locks
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name in locks:
        shutil.copyfile(_LINTERS / name, folder / name)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    install = Step([npm, "ci", *quiet], "npm downloads the linters, which need Node.js 20", folder)
    document = str(ROOT / "docs" / "openapi.json")
    variables = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}

    def linter(name: str, *arguments: str) -> Step:
        hint = "fix release/openapi/ and run `bin/release openapi`"
        return Step([str(folder / "node_modules" / ".bin" / name), "lint", *arguments], hint, environment=variables)

    return [
        *([] if made else [install]),
        linter("redocly", f"--config={_LINTERS / 'redocly.yaml'}", "--format=stylish", document),
        linter("spectral", f"--ruleset={_LINTERS / 'spectral.yaml'}", "--fail-severity=hint", document),
    ]


def audit_steps(url: str | None, locks: Sequence[Path]) -> list[Step]:
    """Known vulnerabilities of every locked library; no response is a failure too."""
    service = ("--vulnerability-service", "osv", "--osv-url", url) if url else ()
    options = ("--strict", "--require-hashes", "--disable-pip", "--progress-spinner", "off", *service)
    hint = "docs/decisions/0008-supply-chain.md says what a finding means"
    # Every file is audited, whatever is found in another.
    return [Step([str(_BIN / "pip-audit"), *options, "--requirement", str(lock)], hint, always=True) for lock in locks]


def terraform_steps() -> list[Step]:
    """Terraform's format, validation and tests with a mocked provider, and checkov; nothing reaches AWS."""
    own = {"environment", "failover", "refusals"}
    names = sorted({path.name.partition(".")[0] for path in (TERRAFORM_DIR / "tests").glob("*.tftest.hcl")} - own)

    def terraform(folder: Path, *arguments: str, hint: str = "fix what Terraform names") -> Step:
        variables = terraform_environment(ROOT / "build" / "terraform-check" / folder.name)
        return Step(["terraform", f"-chdir={folder}", *arguments], hint, environment=variables)

    def init(folder: Path) -> Step:
        return terraform(folder, "init", "-backend=false", "-lockfile=readonly", "-test-directory=tests")

    def tests(folder: Path, *runs: tuple[Sequence[str], Sequence[str]]) -> Step:
        """Validation and tests on one process of the provider: files, and the environments whose values they get."""
        commands = ["terraform", f"-chdir={folder}", "validate", "-no-tests"]
        for files, environments in runs:
            values = [f"-var-file=env/{name}.tfvars" for name in environments]
            filters = [f"-filter=tests/{name}.tftest.hcl" for name in files]
            commands += [shared_provider.SEPARATOR, "terraform", f"-chdir={folder}", "test", *values, *filters]
        return replace(terraform(folder), command=[_PYTHON, "-m", "tests.support.shared_provider", *commands])

    top, bootstrap = TERRAFORM_DIR, TERRAFORM_DIR / "bootstrap"
    checkov = ("--directory", ".", "--framework", "terraform", "--var-file", "env/prod.tfvars")
    quiet = ("--skip-path", "tests", "--skip-download", "--quiet", "--compact")
    return [
        terraform(top, "fmt", "-check", "-recursive", "-diff", hint="`terraform fmt -recursive terraform` fixes it"),
        Step([_PYTHON, "-m", "cli.release", "build"]),
        init(top),
        tests(
            top,
            (names, ()),
            (["refusals"], ["prod"]),
            (["failover"], ["prod", "failover"]),
            *((["environment"], [name]) for name in ("local", "dev", "sit", "prod")),
        ),
        init(bootstrap),
        tests(bootstrap, (["refusals"], ["dev"]), *((["account"], [name]) for name in ("dev", "sit", "prod"))),
        Step([*_MACHINE, "install", "checkov"]),
        Step(
            [str(ROOT / "build" / "checkov-venv" / "bin" / "checkov"), *checkov, *quiet],
            "fix the resource, or explain the exception next to it",
            TERRAFORM_DIR,
        ),
    ]


def provider_steps(version: str) -> list[Step]:
    """Validation of both configurations with another version of the AWS provider than the one that is locked."""
    # Copies: Terraform would change the locks.
    copy = ROOT / "build" / "provider" / "terraform"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(TERRAFORM_DIR, copy, ignore=shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "tests"))
    steps = []
    for folder in (copy, copy / "bootstrap"):
        aws = f'aws = {{ source = "hashicorp/aws", version = "{version}" }}'
        (folder / "versions_override.tf").write_text(f"terraform {{\nrequired_providers {{\n{aws}\n}}\n}}\n")
        variables = terraform_environment(copy.parent / folder.name)
        hint = "terraform/README.md lists what provider 6 changes; the locked version is not concerned"
        for arguments in (("init", "-backend=false"), ("version",), ("validate",)):
            steps.append(Step(["terraform", f"-chdir={folder}", *arguments], hint, environment=variables))
    return steps


def _pytest_in_workers(*arguments: str, workers: str = "auto", environment: Mapping[str, str] | None = None) -> Step:
    # By module: what its tests share, such as a plan, is made once.
    options = ("-n", workers, "--dist", "loadscope", "--no-loadscope-reorder")
    hint = "`make unit ARGS=--last-failed` runs what failed"
    return _tool("pytest", *arguments, *options, hint=hint, environment=environment)


def unit_steps(arguments: Sequence[str]) -> list[Step]:
    """Unit and integration tests; with their coverage unless arguments choose some of them."""
    folders = ("tests/unit", "tests/integration")
    if arguments:
        return [_pytest_in_workers(*folders, *arguments)]
    folder = ROOT / "build" / "coverage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    measured = {**os.environ, coverage.FOLDER_VARIABLE: str(folder)}
    report = [_PYTHON, "-m", "tests.support.coverage", str(folder)]
    return [
        # Tests of the engine wait half of the time.
        _pytest_in_workers(*folders, workers=str((os.cpu_count() or 1) + 1), environment=measured),
        Step(report, "test the lines above, which no test runs"),
    ]


def conformance_steps(engine: str, target: str | None, check: bool, arguments: Sequence[str]) -> list[Step]:
    """The service's use of AWS, call by call, on an engine or in dev."""
    options = ("--engine", engine, *(("--target", target) if target else ()), *(("--check",) if check else ()))
    hint = "docs/engines.md says what each engine lacks"
    return [
        *([Step([*_MACHINE, "install", engine])] if engine == "moto" else []),
        _tool("pytest", "tests/conformance", *options, *arguments, hint=hint),
        *([Step([_PYTHON, "-m", "tests.conformance.twins"], hint)] if engine == "dynamodb-local" else []),
    ]


def _api_unless_passed() -> list[Step]:
    npm = program("npm")
    inputs = [*npm, *program("node"), _LINTERS, ROOT / "docs" / "openapi.json", Path(__file__)]
    return unless_passed("api", inputs, api_steps) if npm else api_steps()


def _terraform_unless_passed() -> list[Step]:
    # The packages that the configuration names are built of the others.
    folders = ("terraform", "templates", "common", "functions", "release", "requirements", "tooling")
    code = [Path(__file__), Path(shared_provider.__file__)]
    inputs = [*program("terraform"), *(ROOT / folder for folder in folders), *code]
    return unless_passed("terraform", inputs, terraform_steps)


def _conformance_unless_passed() -> list[Step]:
    inputs = [*(ROOT / folder for folder in CONFORMANCE_READS), ROOT / "docs" / "parity.md", Path(__file__)]
    return unless_passed("conformance", inputs, lambda: conformance_steps("embedded", None, True, ()))


# Alongside the end-to-end tests, in this order, two at a time.
_ALONGSIDE: Mapping[str, Callable[[], Sequence[Step]]] = {
    "unit": lambda: unit_steps(()),
    "lint": lint_steps,
    "types": types_steps,
    "security": security_steps,
    "api": _api_unless_passed,
    "terraform": _terraform_unless_passed,
    "conformance": _conformance_unless_passed,
}


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
        return Step([_PYTHON, "-m", "cli.ops", *arguments], hint, environment=self.environment)

    def up(self) -> list[Step]:
        """Bring up a new stack."""
        shutil.rmtree(self._folder / "mail", ignore_errors=True)
        up = self._ops("stack", "up", "--free-ports", *self._options, hint="fix what is named above, and run it again")
        return [self.down(), up]

    def one_order(self) -> Step:
        """An order from the request to its invoice and mails, checked to the cent."""
        chosen = ("e2e/test_order_flow.py", "-k", "recorded_and_invoiced or mailed_to_customer_and_team")
        hint = "`make e2e ARGS=e2e/test_order_flow.py` runs it on the stack of `make up`, and more orders"
        return _tool("pytest", *chosen, "-o", f"cache_dir={_E2E_CACHE}", hint=hint, environment=self.environment)

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
        self, target: Target, arguments: Sequence[str], environment: Mapping[str, str], cache: str = _E2E_CACHE
    ) -> None:
        self._target = target
        self._arguments = arguments
        self._environment = environment
        self._cache = cache

    def _pytest(self, *options: str) -> Step:
        records = ("--evidence", str(evidence_folder() / "records"), "-o", f"cache_dir={self._cache}")
        target = ("--target", self._target)
        again = "--last-failed" if self._cache == _E2E_CACHE else f'"--last-failed -o cache_dir={self._cache}"'
        return Step(
            # Its plugin would import Hypothesis at the end.
            [str(_BIN / "pytest"), "e2e", "-p", "no:hypothesispytest", *target, *records, *options, *self._arguments],
            f"`make e2e ARGS={again}` runs what failed; `make status` and `make logs FUNCTION=…` show why",
            environment=self._environment,
            # The arguments may select no test of this part.
            passes=(0, _NOTHING_SELECTED) if self._arguments else (0,),
        )

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
        command = [_PYTHON, "-m", "cli.release", "evidence", "--target", self._target]
        return Step(command, environment=self._environment, always=True)


def _pytest_arguments(given: list[str] | None) -> list[str]:
    """Further arguments of pytest; its own variable is taken away, since tests start other runs of pytest."""
    return [*(given or []), *shlex.split(os.environ.pop("PYTEST_ADDOPTS", ""))]


def _finish(parts: Parts) -> None:
    raise typer.Exit(parts.summarise())


@app.command(name="all")
def all_parts() -> None:
    """Run everything that CI runs: all parts below except the audit.

    Terraform's tests, the linters of the API and the conformance suite run again only if something changes that they
    read.
    """
    parts = Parts(prefixed=True)
    # Only the first is tested under faults; the proxy for them takes part in every call.
    stack, second = OwnStack(_STACK, "--faults"), OwnStack(_SECOND_STACK)
    tests = EndToEnd("local", (), stack.environment)
    alone = EndToEnd("local", (), second.environment, f"{_E2E_CACHE}-alone")
    with parts.shown():
        if not parts.run("machine", lambda: [Step([*_MACHINE, "test"])]):
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
        if not parts.run("machine", lambda: [Step([*_MACHINE, "test"])]):
            _finish(parts)
        try:
            with ThreadPoolExecutor(max_workers=3) as pool:
                pool.submit(parts.run, "order", lambda: [*stack.up(), stack.one_order()])
                pool.submit(parts.run, "unit", lambda: [_pytest_in_workers("tests/unit", "--quick")])
                pool.submit(parts.run, "lint", lambda: [*lint_steps(), *types_steps()])
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
