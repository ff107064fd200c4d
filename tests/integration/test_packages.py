"""The packages themselves: what is in them, what importing them loads, and that building again changes nothing."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from release.packaging import build, isolation
from tooling.paths import ROOT


@pytest.fixture(scope="module")
def packages() -> Path:
    """The folder with all packages, built."""
    build.build_all()
    return build.PACKAGES


@pytest.mark.parametrize("function", build.function_names())
def test_a_package_imports_alone_and_loads_what_its_function_needs(packages: Path, function: str) -> None:
    loaded = isolation.load(packages / f"{function}.zip", build.runtime_libraries()).modules
    assert f"functions.{function}.handler" in loaded
    assert ("weasyprint" in loaded) is (function == "order_pdf_creator")


# What the functions of the API load of this project, beside their own folder: all that they use, and no more.
_RULES = {"order", "models", "field_types", "card_numbers", "money", "status", "errors"}
_ANY = {*_RULES, "clients", "observability", "settings"}
_STORED = {*_ANY, "repository", "numbering"}
API = {
    "create_order": {*_ANY, "events", "idempotency"},
    "get_order": _STORED,
    "list_orders": {*_STORED, "paging", "item_json"},
    "update_order": {*_STORED, "events"},
}
# Large, and for the other functions, or for nobody: email.mime comes with anything that sends mail.
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
def test_a_function_of_the_api_loads_no_module_that_it_does_not_use(packages: Path, function: str) -> None:
    loaded = isolation.load(packages / f"{function}.zip", build.runtime_libraries()).modules
    assert {name.removeprefix("common.") for name in loaded if name.startswith("common.")} == API[function]
    assert {name for name in loaded if name.startswith("functions.adapters.")} == {
        "functions.adapters.rest",
        "functions.adapters.problem_details",
    }
    assert loaded.isdisjoint(NOT_FOR_THE_API)
    assert ("aws_lambda_powertools.utilities.idempotency" in loaded) is (function == "create_order")


@pytest.mark.parametrize("function", build.function_names())
def test_every_module_has_its_bytecode(packages: Path, function: str) -> None:
    names = set(zipfile.ZipFile(packages / f"{function}.zip").namelist())
    sources = {name for name in names if name.endswith(".py")}
    assert f"functions/{function}/handler.py" in sources
    assert {importlib.util.cache_from_source(name) for name in sources} == {n for n in names if n.endswith(".pyc")}


@pytest.mark.parametrize("function", build.function_names())
def test_what_the_runtime_brings_is_left_out(packages: Path, function: str) -> None:
    names = {name.partition("/")[0] for name in zipfile.ZipFile(packages / f"{function}.zip").namelist()}
    assert names.isdisjoint(
        {"boto3", "botocore", "urllib3", "tests", "e2e", "labs", "localstack", "evidence", "ops", "release", "tooling"}
    )
    assert {"common", "functions", "pydantic", "aws_lambda_powertools"} <= names


def test_a_package_that_lacks_a_module_is_refused_with_its_name(packages: Path, tmp_path: Path) -> None:
    broken = tmp_path / "get_order.zip"
    with zipfile.ZipFile(packages / "get_order.zip") as whole, zipfile.ZipFile(broken, "w") as archive:
        for name in whole.namelist():
            if name != "common/paging.py" and name != "common/repository.py":
                archive.writestr(name, whole.read(name))
    with pytest.raises(build.BuildError, match=r"(?s)get_order\.zip cannot be imported alone.*common\.repository"):
        isolation.load(broken, build.runtime_libraries())


def test_a_package_over_its_budget_is_refused(packages: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "PACKAGES", tmp_path)
    monkeypatch.setattr(build, "_API", build.Group("functions", pure=True, templates=(), budget=1_000_000))
    with pytest.raises(build.BuildError, match=r"get_order\.zip has \d+ bytes; the budget of functions packages is"):
        build.build("get_order")
    assert not (tmp_path / "get_order.zip").exists()


def test_a_package_that_aws_would_not_unpack_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "PACKAGES", tmp_path)
    monkeypatch.setattr(build, "_UNPACKED_BUDGET", 2_000_000)
    with pytest.raises(build.BuildError, match=r"get_order\.zip has \d+ bytes unpacked; AWS takes at most 2000000"):
        build.build("get_order")
    assert not (tmp_path / "get_order.zip").exists()


def test_what_is_compiled_for_another_machine_is_not_imported_here(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for function in ("get_order", "order_pdf_creator"):
        shutil.copyfile(packages / f"{function}.zip", tmp_path / f"{function}.zip")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert isolation.import_all(tmp_path, "x86_64") == ["get_order"]
    assert isolation.import_all(tmp_path) == ["get_order", "order_pdf_creator"]


def test_another_folder_builds_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    for folder in ("common", "functions", "release", "requirements", "templates", "tooling"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = "from release.packaging import build; build.build_all()"
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True, timeout=300)

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.zip")}

    assert len(digests(packages)) == 8
    assert digests(tmp_path / "build" / "packages") == digests(packages)
