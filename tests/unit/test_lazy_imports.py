"""Modules of libraries that are loaded when they are used, and not before."""

import subprocess
import sys
from pathlib import Path

import pytest

from tooling.paths import ROOT


def _run(statements: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", statements],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{path}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a package whose module prints when it is loaded."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "__init__.py").touch()
    (tmp_path / "library" / "rare.py").write_text("print('loaded')\nVALUE = 1\n")
    return tmp_path


LAZY = "from common.lazy_imports import load_on_first_use; load_on_first_use('library.rare')"


def test_module_is_not_loaded_by_its_import(library: Path) -> None:
    """`from package import module` alone does not load the module."""
    assert _run(f"{LAZY}; from library import rare", library) == ""


def test_module_is_loaded_by_its_first_attribute(library: Path) -> None:
    """Reading an attribute loads the module, once."""
    assert _run(f"{LAZY}; from library import rare; print(rare.VALUE + rare.VALUE)", library) == "loaded\n2"


def test_loaded_module_stays_as_it_is(library: Path) -> None:
    """A module that somebody has imported before is not loaded again."""
    assert _run(f"import library.rare; {LAZY}; print(library.rare.VALUE)", library) == "loaded\n1"


def test_invoice_does_not_load_what_it_does_not_use(tmp_path: Path) -> None:
    """The modules that common/invoice.py puts off are still not loaded when an invoice is rendered."""
    names = "('fontTools.subset', 'fontTools.ttLib.woff2', 'PIL.ImageFile', 'PIL.ImageOps')"
    code = f"""
import sys
from importlib.util import _LazyModule
from common.invoice import render_pdf
assert render_pdf("<title>Test</title><p>R 1.00</p>").startswith(b"%PDF-")
print([name for name in {names} if type(sys.modules[name]) is not _LazyModule])
"""
    assert _run(code, tmp_path) == "[]"
