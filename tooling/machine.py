"""Gets what a machine needs, and makes the virtual environments with uv.

Runs with any Python from 3.8 and its standard library alone, because nothing else is installed yet:
`python3 tooling/machine.py` gets what `make up` needs, `test` what `make test` needs too, `doctor` only shows both,
`install NAME` also makes the environment of a dependency group of pyproject.toml, and `lock [--upgrade]` writes
requirements/ from those groups.
"""

from __future__ import annotations

import ctypes.util
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if not __package__:
    # Run by its path.
    sys.path[0] = str(ROOT)
from tooling import provision  # noqa: E402
from tooling.provision import Missing  # noqa: E402

PROJECT_VENV = ROOT / ".venv"
ENGINE_VENV = ROOT / "build" / "engine-venv"
# Tools whose libraries conflict with ours: each has its own environment, made on first use.
TOOL_VENVS = {
    name: ROOT / "build" / f"{name}-venv"
    for name in ("moto", "localstack", "runtime", "checkov", "client", "load", "act", "tflocal")
}
# Groups whose versions are those of dev, so that the tests run what the functions and the local stack run.
_PARTS_OF_DEV = ("functions", "mail", "invoice", "local", "runtime")
_UV_FOLDER = ROOT / "build" / "uv"
_UV = "uv into build/uv by pip, since it makes the environments"
# Programs that this project got for itself come first on PATH.
PROGRAMS = ROOT / "build" / "bin"
PYTHON_VERSION = "3.12"
_TOOL_PYTHON = {"localstack": "3.13"}
# As `required_version` in terraform/: locks of the state are objects in S3.
TERRAFORM_VERSION = (1, 11)
PANGO = ("pango-1.0", "pangoft2-1.0", "gobject-2.0", "harfbuzz", "harfbuzz-subset")
# Playwright's Node.js is linked to it, and Chromium's package does not bring it.
NODE_LIBRARY = "atomic"
_MAC_BROWSERS = [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Google Chrome", "Chromium")]
CHROMIUM = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", *_MAC_BROWSERS)
INDEX_ADVICE = (
    "Packages come from PyPI, or from the index that pip or uv is set to: check that it responds, and try again."
)
# What of the shell reaches pip and uv: where packages and Pythons come from and are kept, and nothing else, such as
# PIP_USER or UV_TARGET.
_PACKAGE_SETTING = re.compile(
    r"(PIP|UV)_.*(INDEX|LINKS|CERT|TRUSTED|PROXY|CONFIG_FILE|CACHE|MIRROR|TLS|TIMEOUT|INSECURE|PYTHON_INSTALL_DIR).*"
)
# The folders that uv has in a user's home: what names another, our name of that, and where uv's is.
_UV_FOLDERS = (
    ("UV_CACHE_DIR", "uv", ("XDG_CACHE_HOME", ".cache", "uv")),
    ("UV_PYTHON_INSTALL_DIR", "python", ("XDG_DATA_HOME", ".local/share", "uv/python")),
)
_STAMP = "lock.sha256"
_PROBE_SECONDS = 20
_INSTALL_SECONDS = 900


CHROMIUM_MISSING = Missing(
    "Chromium or Chrome",
    "opens the console's pages in tests and takes the pictures of mails",
    "install it, or set CHROMIUM=/path/of/chrome, or run `.venv/bin/python -m playwright install --with-deps chromium`",
    provision.packages("chromium"),
)
ATOMIC_MISSING = Missing(
    "libatomic",
    "runs the Node.js of Playwright, which drives Chromium",
    "install it",
    provision.packages("atomic"),
)
CURL_MISSING = Missing(
    "curl",
    "runs README's call of the API, which the tests run too",
    "install it",
    provision.packages("curl"),
)
JAVA_VERSION = 17
JAVA_MISSING = Missing(
    f"Java {JAVA_VERSION} or later",
    "runs DynamoDB Local, LocalStack's tables",
    "install a Java runtime",
    {"apt-get": "default-jre-headless", "dnf": "java-17-openjdk-headless", "brew": "openjdk"},
)
NPM_MISSING = Missing(
    "npm",
    "downloads DynamoDB Local",
    "install Node.js",
    {"apt-get": "npm", "dnf": "npm", "brew": "node"},
)
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def _output(*command: str, variables: dict[str, str] | None = None) -> str:
    """What a command prints; empty if it is not there or fails. RuntimeError if it does not end: it may well work."""
    try:
        printed = subprocess.check_output(
            command, env=variables or _environment(), stderr=subprocess.DEVNULL, timeout=_PROBE_SECONDS
        )
        return printed.decode().strip()
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"`{' '.join(command)}` has not ended after {_PROBE_SECONDS} s: wait until the machine is less busy"
        ) from None
    except (OSError, ValueError, subprocess.CalledProcessError):
        return ""


def _run(advice: str, variables: dict[str, str], *command: str) -> None:
    """Run a command in the repository; an error holds what it printed, and ends with the advice."""
    try:
        subprocess.check_output(
            command, cwd=str(ROOT), env=variables, stderr=subprocess.STDOUT, timeout=_INSTALL_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{error}\n{(error.output or b'').decode(errors='replace')}{advice}") from None


def _environment() -> dict[str, str]:
    """The variables of the shell without those that change what pip, uv, Python and Terraform do."""
    changes = re.compile(r"(PIP|UV|PYTHON|CONDA)_?[A-Z].*|TF_.*|VIRTUAL_ENV")
    kept = {n: value for n, value in os.environ.items() if _PACKAGE_SETTING.fullmatch(n) or not changes.fullmatch(n)}
    # Else Terraform asks HashiCorp for newer versions, and waits 3 s where a network drops packets.
    return {**kept, "CHECKPOINT_DISABLE": "1"}


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome: what the variable CHROMIUM names, else the first on the machine; or None."""
    given = os.environ.get("CHROMIUM")
    playwright = glob.glob(os.path.expanduser("~/.cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    names = [given] if given else [*CHROMIUM, *playwright]
    return next((path for name in names for path in [shutil.which(name)] if path), None)


def _is_ubuntu() -> bool:
    """Whether this is Ubuntu, whose package chromium is a snap, which cannot read our files."""
    release = Path("/etc/os-release")
    return release.exists() and re.search(r"^ID=ubuntu$", release.read_text(), re.MULTILINE) is not None


def missing(for_tests: bool = False, for_localstack: bool = False) -> list[Missing]:
    """What the machine lacks for `make up`, for `make test`, or for LocalStack without Docker."""
    found = []
    if for_localstack:
        java = re.match(r"\S+ (\d+)", _output("java", "--version"))
        if not java or int(java[1]) < JAVA_VERSION:
            found.append(JAVA_MISSING)
        if shutil.which("npm") is None:
            found.append(NPM_MISSING)
    if shutil.which("apt-get") and not _CERTIFICATES.exists():
        found.append(
            Missing(
                "CA certificates", "checks downloads", "install ca-certificates", provision.packages("certificates")
            )
        )
    if for_tests and find_chromium() is None:
        by_hand = _is_ubuntu() or os.environ.get("CHROMIUM")
        found.append(CHROMIUM_MISSING._replace(packages={}) if by_hand else CHROMIUM_MISSING)
    if for_tests and sys.platform == "linux" and not ctypes.util.find_library(NODE_LIBRARY):
        found.append(ATOMIC_MISSING)
    if for_tests and shutil.which("curl") is None:
        found.append(CURL_MISSING)
    if not any(map(_runs, _uv_candidates())) and not _output(sys.executable, "-m", "pip", "--version"):
        found.append(
            Missing("uv or pip", "makes the virtual environments", "pipx install uv", provision.packages("uv"))
        )
    version = json.loads(_output("terraform", "version", "-json") or "{}").get("terraform_version", "")
    match = re.match(r"(\d+)\.(\d+)", version)
    if not match or tuple(map(int, match.groups())) < TERRAFORM_VERSION:
        required = ".".join(map(str, TERRAFORM_VERSION))
        found.append(
            Missing(
                f"{provision.TERRAFORM_NAME} {required} or later" + (f" (there is {version})" if match else ""),
                "makes the stack, here as in AWS",
                "install it from https://developer.hashicorp.com/terraform/install",
                {},
            )
        )
    libraries = [name for name in PANGO if not ctypes.util.find_library(name)]
    if libraries:
        found.append(
            Missing(
                f"Pango ({', '.join(libraries)})",
                "renders the invoice PDF",
                "install Pango",
                provision.packages("pango"),
            )
        )
    return found


def _uv_candidates() -> list[str]:
    return [str(PROJECT_VENV / "bin" / "uv"), shutil.which("uv") or "", str(_UV_FOLDER / "bin" / "uv")]


def _runs(program: str) -> bool:
    """Whether a program runs; a shim of pyenv exists and fails."""
    return bool(program and _output(program, "--version"))


def find_uv() -> str:
    """The path of uv: the project's, else the one on PATH, else one that pip installs from requirements/uv.txt.

    Raises RuntimeError: there is no uv and pip cannot install it.
    """
    for candidate in filter(_runs, _uv_candidates()):
        return candidate
    print(f"installing {_UV}", flush=True)
    # A person's pip.conf may say otherwise; where packages come from stays as it says.
    variables = {**_environment(), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    _run(
        "uv, which makes the virtual environments, is missing. Get it with: pipx install uv, or brew install uv, or "
        "install pip (apt-get install python3-pip) and run this command again.",
        variables,
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"),
        *("--upgrade", f"--target={_UV_FOLDER}", "--requirement=requirements/uv.txt"),
    )
    return _uv_candidates()[-1]


@lru_cache(maxsize=None)
def uv_environment() -> dict[str, str]:
    """The environment for uv: pip's index and certificates where uv has no setting, and pyenv's Pythons.

    What uv keeps in a user's home is in build/ where that cannot be written.
    """
    found = _environment()
    listed = _output(sys.executable, "-m", "pip", "config", "list") or _output("pip", "config", "list")
    for setting, variable in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        # The first line is that of a variable such as PIP_INDEX_URL, which wins over pip's files.
        for value in re.findall(rf"\.{setting}='(.*)'", listed):
            found.setdefault(variable, value)
    for variable, name, place in _UV_FOLDERS:
        if provision.user_folder(*place) is None:
            found.setdefault(variable, str(provision.LOCAL_CACHE / name))
    # uv takes a shim of pyenv for a Python that does not run.
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    folders = sorted(glob.glob(f"{pyenv}/versions/3.1[23]*/bin"), reverse=True)
    found["PATH"] = os.pathsep.join([*folders, found.get("PATH", "")])
    return found


def _uv(*arguments: str, advice: str = INDEX_ADVICE) -> None:
    _run(advice, uv_environment(), find_uv(), *arguments)


def _digest(name: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{name}.txt").read_bytes()).hexdigest()


def _is_made(name: str, venv: Path) -> bool:
    """Whether an environment was made from a lock file as it is now, and its Python still exists."""
    stamp = venv / _STAMP
    return (venv / "bin" / "python").exists() and stamp.exists() and stamp.read_text() == _digest(name)


def _version(name: str) -> str:
    """The version of Python that an environment has."""
    return _TOOL_PYTHON.get(name, PYTHON_VERSION)


def _has_version(name: str, venv: Path) -> bool:
    """Whether an environment has its version of Python, so that it can be updated."""
    printed = _output(str(venv / "bin" / "python"), "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    return printed == _version(name)


def _finds_python(uv: str, version: str) -> bool:
    """Whether uv finds a version of Python; otherwise it downloads one."""
    return bool(_output(uv, "python", "find", "--system", version, variables=uv_environment()))


def _content(name: str, venv: Path) -> str:
    return f"requirements/{name}.txt into {venv.relative_to(ROOT)}"


def _make(name: str, venv: Path) -> None:
    """Make a virtual environment from a lock file, or update it."""
    version, python = _version(name), str(venv / "bin" / "python")
    # An interrupted update must not pass for the old state.
    (venv / _STAMP).unlink(missing_ok=True)
    if not _has_version(name, venv):
        if not _finds_python(find_uv(), version):
            print(f"installing Python {version} by uv", flush=True)
        shutil.rmtree(str(venv), ignore_errors=True)
        advice = f"Get Python {version}: pyenv install {version}, or brew install python@{version}."
        _uv("venv", "--quiet", f"--python={version}", str(venv), advice=advice)
    print(f"installing {_content(name, venv)}", flush=True)
    _uv("pip", "sync", "--quiet", "--require-hashes", f"--python={python}", f"requirements/{name}.txt")
    (venv / _STAMP).write_text(_digest(name))


def _outdated(name: str) -> dict[str, Path]:
    """The environments to make or update for one, by the name of their lock file."""
    if name in TOOL_VENVS:
        needed = {name: TOOL_VENVS[name]}
    else:
        # The environment for the tests serves `make up` too.
        needed = {"engine": ENGINE_VENV, "dev" if _is_made("dev", PROJECT_VENV) else name: PROJECT_VENV}
    return {each: venv for each, venv in needed.items() if not _is_made(each, venv)}


def planned(name: str) -> list[str]:
    """What `install` would install."""
    environments = _outdated(name)
    if not environments:
        return []
    uv = next(filter(_runs, _uv_candidates()), None)
    versions = sorted({_version(each) for each, venv in environments.items() if not _has_version(each, venv)})
    if uv is None:
        found = [_UV, *(f"Python {version} by uv, unless that finds one" for version in versions)]
    else:
        found = [f"Python {version} by uv" for version in versions if not _finds_python(uv, version)]
    return found + [_content(each, venv) for each, venv in environments.items()]


def install(name: str) -> None:
    """Make an environment: `local` or `dev`, each with the engine's, or a tool of TOOL_VENVS.

    Raises RuntimeError: uv failed or took too long, or nothing may be installed; the text ends with what to do.
    """
    if plan := planned(name) if provision.only_shows() else []:
        raise RuntimeError("\n".join(f"would be installed: {what}" for what in plan))
    for each, venv in _outdated(name).items():
        _make(each, venv)


def lock(*options: str) -> None:
    """Write requirements/ from the dependency groups of pyproject.toml; versions stay unless `--upgrade` is given.

    Raises RuntimeError: a group cannot be resolved; the text ends with what uv printed.
    """
    for name in dict.fromkeys(("dev", *_PARTS_OF_DEV, "engine", *TOOL_VENVS, "uv")):
        constraint = ["--constraint=requirements/dev.txt"] if name in _PARTS_OF_DEV else []
        _uv(
            *("pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header", "--no-strip-extras"),
            *(f"--python-version={_TOOL_PYTHON.get(name, PYTHON_VERSION)}", f"--group=pyproject.toml:{name}"),
            *(*constraint, f"--output-file=requirements/{name}.txt", *options),
        )


def prepare(for_tests: bool = False, for_localstack: bool = False) -> list[Missing]:
    """Get what the machine lacks, as far as it may; returns what is still missing.

    Raises RuntimeError: an installation failed.
    """
    os.environ["PATH"] = os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", "")])
    lacking = missing(for_tests, for_localstack)
    if _includes_terraform(lacking) and provision.terraform_program().exists():
        _link_terraform()
        lacking = missing(for_tests, for_localstack)
    if not lacking:
        return []
    # A line to paste has what the tests need too, so that it is the only one.
    later = [item for item in missing(for_tests=True) if item not in lacking]
    left = provision.install(lacking, later)
    if _includes_terraform(lacking) and provision.terraform_program().exists():
        _link_terraform()
    return left


def _includes_terraform(items: list[Missing]) -> bool:
    return any(item.what.startswith(provision.TERRAFORM_NAME) for item in items)


def _link_terraform() -> None:
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    partial = PROGRAMS / f"terraform-{os.getpid()}"
    partial.symlink_to(provision.terraform_program())
    partial.replace(PROGRAMS / "terraform")


def doctor() -> int:
    """Show what is missing and how it would be installed; returns the exit status."""
    os.environ["INSTALL"] = "0"
    left, later = prepare(for_tests=True), planned("dev")
    for what in later:
        print(f"would be installed: {what}", file=sys.stderr)
    if left or later:
        return 1
    print("nothing is missing: `make up` and `make test` have what they need")
    return 0


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    try:
        if arguments[:1] == ["doctor"]:
            return doctor()
        if arguments[:1] == ["lock"]:
            lock(*arguments[1:])
            return 0
        if prepare(for_tests=arguments == ["test"]):
            return 1
        if arguments[:1] == ["install"]:
            install(arguments[1])
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        advice = "make room on the disk, or use a folder that can be written, and run the command again"
        print(f"{error}: {advice}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
