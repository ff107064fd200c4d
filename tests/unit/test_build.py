import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from release.packaging import build, libraries
from tests.support.our_files import IN_GIT
from tooling.paths import ROOT

API = ("create_order", "get_order", "list_orders", "update_order")


def test_function_names_are_the_eight() -> None:
    """Each of the eight functions gets a package."""
    assert build.function_names() == sorted(
        [
            *API,
            "order_creator_record",
            "order_pdf_creator",
            "order_internal_notification",
            "customer_order_confirmation",
        ]
    )


@pytest.mark.parametrize("function", build.function_names())
def test_modules_of_function_exclude_other_functions(function: str) -> None:
    """A package has no module of another function, and only one has the invoice."""
    modules = build.modules_of(function)
    others = {f"functions.{name}" for name in build.function_names() if name != function}
    assert not any(module.startswith(f"{other}.") for module in modules for other in others)
    assert ("common.invoice" in modules) is (function == "order_pdf_creator")
    assert not any(module.startswith(("localstack", "release", "e2e", "tests")) for module in modules)


def test_functions_do_not_mention_local_stack() -> None:
    """Code that runs in AWS contains nothing about running locally."""
    sources = [*Path(ROOT, "functions").rglob("*.py"), *Path(ROOT, "common").rglob("*.py")]
    assert len(sources) > 30
    for source in sources:
        text = source.read_text().lower()
        assert "localstack" not in text, source
        assert "ministack" not in text, source
        assert '"local"' not in text, f"{source}: what runs in AWS must not depend on whether it is local"


def test_zip_of_equal_files_has_equal_bytes(tmp_path: Path) -> None:
    """Order and times of the files do not change the bytes of a package."""
    (tmp_path / "b.py").write_text("b")
    (tmp_path / "a.py").write_text("a")
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    libraries.add_to_zip(first, {"b.py": tmp_path / "b.py", "a.py": tmp_path / "a.py"})
    (tmp_path / "a.py").touch()
    libraries.add_to_zip(second, {"a.py": tmp_path / "a.py", "b.py": tmp_path / "b.py"})
    assert first.read_bytes() == second.read_bytes()
    assert zipfile.ZipFile(first).namelist() == ["a.py", "b.py"]


@pytest.mark.skipif(not IN_GIT, reason="this tree is not a git repository")
def test_templates_of_package_are_those_in_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package has every template of its group that is in git, and nothing that an editor or file manager leaves."""
    tracked = subprocess.check_output(["git", "ls-files", "templates"], cwd=ROOT, text=True).splitlines()
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    for left in ("customer/.DS_Store", "customer/order_confirmation.html~", "invoice/.invoice.css.swp"):
        (tmp_path / "templates" / left).touch()
    monkeypatch.setattr(build, "ROOT", tmp_path)
    for group in libraries.GROUPS:
        folders = tuple(f"templates/{folder}/" for folder in group.templates)
        packaged = [path.relative_to(tmp_path).as_posix() for path in build._template_files(group)]
        assert sorted(packaged) == [name for name in tracked if name.startswith(folders)]
