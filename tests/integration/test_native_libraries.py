"""The invoice's package with its own Pango, collected from this machine as from the Lambda image."""

import hashlib
import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from release.packaging import build, isolation, libraries, natives
from tooling.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the libraries of a Lambda package")
ARCHITECTURE: libraries.Architecture = "arm64" if platform.machine() == "aarch64" else "x86_64"


@pytest.fixture
def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with this machine's libraries in `lib/`, in place of those from the Docker build."""
    collector = ROOT / "release" / "packaging" / "natives.py"
    target = tmp_path / "natives"
    # Run it as in the image, with nothing of the project on sys.path.
    subprocess.run([sys.executable, "-I", "-S", collector, target / "lib"], cwd=tmp_path, check=True, timeout=60)
    monkeypatch.setattr(libraries, "native_libraries", lambda architecture: target)
    monkeypatch.setattr(build, "PACKAGES", tmp_path / "packages")
    return target


def test_invoice_renders_with_packaged_libraries(collected: Path) -> None:
    """The invoice is rendered with the libraries of its package alone."""
    with libraries.exclusive():
        build.build("order_pdf_creator", ARCHITECTURE, "lambda-image")
    package = build.packages_dir(ARCHITECTURE) / "order_pdf_creator.zip"
    files = json.loads(isolation.load(package, libraries.runtime_libraries()))["files"]
    carried = {f"lib/{path.name}" for path in (collected / "lib").iterdir()}
    assert carried >= {f"lib/{soname}" for soname in natives.OPENED}
    assert {name for name in files if name.startswith("lib/")} == carried

    with libraries.exclusive():
        assert not build.build("order_pdf_creator", ARCHITECTURE, "lambda-image")
        assert build.build("order_pdf_creator", ARCHITECTURE, "host")
    assert not any(name.startswith("lib/") for name in zipfile.ZipFile(package).namelist())


def test_import_with_broken_library_names_it(collected: Path) -> None:
    """A library that does not load is named."""
    (collected / "lib" / "libpango-1.0.so.0").write_bytes(b"not a library")
    with libraries.exclusive():
        build.build("order_pdf_creator", ARCHITECTURE, "lambda-image")
    package = build.packages_dir(ARCHITECTURE) / "order_pdf_creator.zip"
    with pytest.raises(libraries.BuildError, match=r"(?s)order_pdf_creator\.zip cannot be imported alone.*libpango"):
        isolation.load(package, libraries.runtime_libraries())


def test_pure_package_is_equal_without_pango(collected: Path) -> None:
    """Packages without compiled modules are the same with and without Pango."""
    package = build.packages_dir(ARCHITECTURE) / "get_order.zip"
    with libraries.exclusive():
        assert build.build("get_order", ARCHITECTURE, "lambda-image")
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        package.unlink()
        assert build.build("get_order", ARCHITECTURE, "host")
    assert hashlib.sha256(package.read_bytes()).hexdigest() == digest
