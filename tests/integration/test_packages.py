"""The packages: what they contain, what importing them loads, and that another build gives the same bytes."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

from release.packaging import build, isolation, libraries
from tooling.paths import ROOT


@pytest.fixture(scope="module")
def packages() -> Path:
    """The folder with all packages, built."""
    build.build_all()
    return build.PACKAGES


@cache
def modules_of(package: Path) -> set[str]:
    """The modules that the handler of a package loads."""
    return set(json.loads(isolation.load(package, libraries.runtime_libraries()))["modules"])


@pytest.mark.parametrize("function", build.function_names())
def test_package_imports_alone(packages: Path, function: str) -> None:
    """Each package imports alone, and only one of them loads WeasyPrint."""
    loaded = modules_of(packages / f"{function}.zip")
    assert f"functions.{function}.handler" in loaded
    assert ("weasyprint" in loaded) is (function == "order_pdf_creator")


# The modules of this project that each function of the API loads, besides its own folder.
_RULES = {"order", "models", "field_types", "card_numbers", "money", "status", "errors", "mail_problem"}
_ANY = {*_RULES, "clients", "correlation", "observability", "settings"}
_STORED = {*_ANY, "backoff", "repository", "table_items"}
API = {
    "create_order": {*_STORED, "events"},
    "get_order": _STORED,
    "list_orders": {*_STORED, "paging"},
    "update_order": {*_STORED, "events"},
}
# Large modules that only other functions use; whatever sends mail loads email.mime.
NOT_FOR_THE_API = {
    "jinja2",
    "weasyprint",
    "email.mime",
    "aws_xray_sdk",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
}


@pytest.mark.parametrize("function", API)
def test_api_package_loads_only_what_it_uses(packages: Path, function: str) -> None:
    """A function of the API loads no module that it does not use."""
    loaded = modules_of(packages / f"{function}.zip")
    assert {name.removeprefix("common.") for name in loaded if name.startswith("common.")} == API[function]
    assert {name for name in loaded if name.startswith("functions.adapters.")} == {
        "functions.adapters.rest",
        "functions.adapters.problem_details",
    }
    assert loaded.isdisjoint(NOT_FOR_THE_API)
    assert ("aws_lambda_powertools.utilities.idempotency" in loaded) is (function == "create_order")


@pytest.mark.parametrize("function", build.function_names())
def test_package_has_bytecode_of_each_module(packages: Path, function: str) -> None:
    """Each module in a package has its bytecode."""
    names = set(zipfile.ZipFile(packages / f"{function}.zip").namelist())
    sources = {name for name in names if name.endswith(".py")}
    assert f"functions/{function}/handler.py" in sources
    assert {importlib.util.cache_from_source(name) for name in sources} == {n for n in names if n.endswith(".pyc")}


@pytest.mark.parametrize("function", build.function_names())
def test_package_excludes_runtime_libraries(packages: Path, function: str) -> None:
    """A package has neither the SDK of the runtime nor any tooling."""
    names = {name.partition("/")[0] for name in zipfile.ZipFile(packages / f"{function}.zip").namelist()}
    assert names.isdisjoint(
        {"boto3", "botocore", "urllib3", "tests", "e2e", "labs", "localstack", "evidence", "ops", "release", "tooling"}
    )
    assert {"common", "functions", "pydantic", "aws_lambda_powertools"} <= names


@pytest.mark.parametrize("function", build.function_names())
def test_package_has_pure_pydantic(packages: Path, function: str) -> None:
    """pydantic is its pure wheel, also where other libraries are compiled."""
    names = zipfile.ZipFile(packages / f"{function}.zip").namelist()
    assert not [name for name in names if name.startswith("pydantic/") and name.endswith(".so")]


def test_import_of_incomplete_package_names_module(packages: Path, tmp_path: Path) -> None:
    """A package without one of its modules is refused, and the module named."""
    broken = tmp_path / "get_order.zip"
    with zipfile.ZipFile(packages / "get_order.zip") as whole, zipfile.ZipFile(broken, "w") as archive:
        for name in whole.namelist():
            if name != "common/paging.py" and name != "common/repository.py":
                archive.writestr(name, whole.read(name))
    with pytest.raises(libraries.BuildError, match=r"(?s)get_order\.zip cannot be imported alone.*common\.repository"):
        isolation.load(broken, libraries.runtime_libraries())


def test_build_over_budget_is_refused(packages: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package over the budget of its group is refused."""
    monkeypatch.setattr(build, "PACKAGES", tmp_path)
    monkeypatch.setattr(libraries, "API", libraries.Group("functions", pure=True, templates=(), budget=1_000_000))
    with pytest.raises(libraries.BuildError, match=r"get_order\.zip has \d+ bytes; the budget of functions pack"):
        build.build("get_order")
    assert not (tmp_path / "get_order.zip").exists()


def test_build_over_unpacked_limit_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package too large for AWS to unpack is refused."""
    monkeypatch.setattr(build, "PACKAGES", tmp_path)
    monkeypatch.setattr(build, "_UNPACKED_BUDGET", 2_000_000)
    with pytest.raises(libraries.BuildError, match=r"get_order\.zip has \d+ bytes unpacked; AWS takes at most 2000000"):
        build.build("get_order")
    assert not (tmp_path / "get_order.zip").exists()


def test_import_skips_foreign_architecture(packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package compiled for another machine is not imported on this one."""
    for function in ("get_order", "order_pdf_creator"):
        shutil.copyfile(packages / f"{function}.zip", tmp_path / f"{function}.zip")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert isolation.import_all(tmp_path, "x86_64") == ["get_order"]
    assert isolation.import_all(tmp_path) == ["get_order", "order_pdf_creator"]


def test_build_in_other_folder_has_equal_bytes(packages: Path, tmp_path: Path) -> None:
    """A build in another folder gives the same bytes."""
    for folder in ("common", "functions", "release", "requirements", "templates", "tooling"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = "from release.packaging import build; build.build_all()"
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True, timeout=300)

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.zip")}

    assert len(digests(packages)) == 8
    assert digests(tmp_path / "build" / "packages") == digests(packages)
