"""The checks of `bin/test` that need no stack: style, types, security, the API document, Terraform."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from localstack.terraform import TERRAFORM_DIR
from localstack.terraform import environment as terraform_environment
from tests.support import shared_provider
from tests.support.kept import program
from tests.support.our_files import our_files
from tests.support.parts import MACHINE, Step, tool
from tests.support.passed import unless_passed
from tooling.paths import ROOT

PACKAGES = ("tooling", "release", "ops", "evidence", "localstack", "labs", "cli")
_LINTERS = ROOT / "tooling" / "openapi"
# Digests of files, which look like keys, and fonts.
_NO_SECRETS = ("docs/images/sources.json", "tooling/openapi/package-lock.json", "*.ttf")
# What a shell sets for npm and Node.js, except where packages come from, and who is trusted.
_NODE_SETTINGS = re.compile(
    r"NODE_(?!EXTRA_CA_CERTS$|USE_SYSTEM_CA$)"
    r"|npm_config_(?!(registry|_auth.*|.*[/@].*|ca|cafile|strict_ssl|cache|(user|global)config|(https_|no)?proxy)$)",
    re.IGNORECASE,
)


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
        tool("ruff", "check", ".", hint="`.venv/bin/ruff check --fix .` fixes most of it"),
        tool("ruff", "format", "--check", ".", hint="`.venv/bin/ruff format .` fixes it"),
        tool("lint-imports", "--no-logo", hint="docs/architecture.md says who may import whom"),
        tool("zizmor", "--offline", "--quiet", ".github", hint="fix the workflow as the finding says"),
        Step([sys.executable, "-m", "tests.support.json_schemas", *checked], "fix the file"),
    ]


def types_steps() -> list[Step]:
    """Types of all packages."""
    return [tool("mypy", hint="fix the types; `bin/test types` checks them again")]


def _code(*packages: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for package in packages for path in (ROOT / package).rglob("*.py"))


def _changed_files(command: Sequence[str], names: Sequence[str], hint: str) -> Step:
    """A step that runs a program for those of the files that changed since they passed."""
    return Step([sys.executable, "-m", "tests.support.passed", *command, shared_provider.SEPARATOR, *names], hint)


def security_steps() -> list[Step]:
    """Weaknesses in the code, and secrets in all files; no secret is sent to anybody to verify it."""
    # Tooling runs programs: each is a list of words, which no shell reads.
    tooling = ("--skip", "B404,B603,B607")
    files = sorted(path for path in our_files() if not any(fnmatch(path, name) for name in _NO_SECRETS))
    reason = "fix it, or say in its line why it is not a weakness"
    found = "remove the secret, or mark what is not one with `pragma: allowlist secret` and why"
    return [
        _changed_files(("bandit", "-q"), _code("common", "functions"), "fix it: what runs in AWS has no exception"),
        _changed_files(("bandit", "-q", *tooling), _code(*PACKAGES), reason),
        _changed_files(("detect-secrets-hook", "--no-verify"), files, found),
    ]


def api_steps() -> list[Step]:
    """The API document, by two linters from npm, which are locked; without npm the run says that they did not run."""
    npm = shutil.which("npm")
    if npm is None:
        missing = "npm is not installed: the linters of docs/openapi.json did not run"
        return [Step([sys.executable, "-c", f"print({missing!r})"])]
    folder, locks = ROOT / "build" / "openapi", ("package.json", "package-lock.json")
    programs = folder / "node_modules" / ".bin"
    # npm writes its own lock file when it has installed what it was to install.
    made = (folder / "node_modules" / ".package-lock.json").exists() and all(
        (folder / name).read_bytes() == (_LINTERS / name).read_bytes() for name in locks
    )
    made = made and all((programs / name).exists() for name in ("redocly", "spectral"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in locks:
        shutil.copyfile(_LINTERS / name, folder / name)
    options = ("--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    shell = {name: value for name, value in os.environ.items() if not _NODE_SETTINGS.match(name)}
    hint = "npm downloads the linters, which need Node.js 20"
    install = Step([npm, "ci", *options], hint, folder, environment=shell)
    document = str(ROOT / "docs" / "openapi.json")
    variables = {**shell, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}

    def linter(name: str, *arguments: str) -> Step:
        hint = "fix release/openapi/ and run `bin/release openapi`"
        return Step([str(programs / name), "lint", *arguments], hint, environment=variables)

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
    return [replace(tool("pip-audit", *options, "--requirement", str(lock), hint=hint), always=True) for lock in locks]


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
        return replace(terraform(folder), command=[sys.executable, "-m", "tests.support.shared_provider", *commands])

    top, bootstrap = TERRAFORM_DIR, TERRAFORM_DIR / "bootstrap"
    checkov = ("--directory", ".", "--framework", "terraform", "--var-file", "env/prod.tfvars")
    quiet = ("--skip-path", "tests", "--skip-download", "--quiet", "--compact")
    return [
        terraform(top, "fmt", "-check", "-recursive", "-diff", hint="`terraform fmt -recursive terraform` fixes it"),
        Step([sys.executable, "-m", "cli.release", "build"]),
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
        Step([*MACHINE, "install", "checkov"]),
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


def api_unless_passed() -> list[Step]:
    npm = program("npm")
    inputs = [*npm, *program("node"), _LINTERS, ROOT / "docs" / "openapi.json", Path(__file__)]
    return unless_passed("api", inputs, api_steps) if npm else api_steps()


def terraform_unless_passed() -> list[Step]:
    # The packages that the configuration names are built of the others.
    folders = ("terraform", "templates", "common", "functions", "release", "requirements", "tooling")
    code = [Path(__file__), Path(shared_provider.__file__)]
    inputs = [*program("terraform"), *(ROOT / folder for folder in folders), *code]
    return unless_passed("terraform", inputs, terraform_steps)
