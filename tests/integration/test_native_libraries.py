"""The invoice's package with its own Pango: this machine's libraries are collected as the Lambda image's are."""

import hashlib
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
    """A folder with this machine's libraries in `lib/`, in the place of those that the Docker build gives."""
    collector = ROOT / "release" / "packaging" / "natives.py"
    target = tmp_path / "natives"
    # As in the image: by its path, with nothing of the project on sys.path.
    subprocess.run([sys.executable, "-I", "-S", collector, target / "lib"], cwd=tmp_path, check=True, timeout=60)
    monkeypatch.setattr(libraries, "native_libraries", lambda architecture: target)
    monkeypatch.setattr(build, "PACKAGES", tmp_path / "packages")
    return target


def test_the_invoice_is_drawn_with_the_libraries_of_its_package(collected: Path) -> None:
    with libraries.exclusive():
        build.build("order_pdf_creator", ARCHITECTURE, "lambda-image")
    package = build.packages_dir(ARCHITECTURE) / "order_pdf_creator.zip"
    loaded = isolation.load(package, libraries.runtime_libraries())
    carried = {f"lib/{path.name}" for path in (collected / "lib").iterdir()}
    assert carried >= {f"lib/{soname}" for soname in natives.OPENED}
    assert {name for name in loaded.files if name.startswith("lib/")} == carried

    with libraries.exclusive():
        assert not build.build("order_pdf_creator", ARCHITECTURE, "lambda-image")
        assert build.build("order_pdf_creator", ARCHITECTURE, "host")
    assert not any(name.startswith("lib/") for name in zipfile.ZipFile(package).namelist())


def test_a_library_left_out_is_noticed(collected: Path) -> None:
    (collected / "lib" / "libpango-1.0.so.0").write_bytes(b"not a library")
    with libraries.exclusive():
        build.build("order_pdf_creator", ARCHITECTURE, "lambda-image")
    package = build.packages_dir(ARCHITECTURE) / "order_pdf_creator.zip"
    with pytest.raises(libraries.BuildError, match=r"(?s)order_pdf_creator\.zip cannot be imported alone.*libpango"):
        isolation.load(package, libraries.runtime_libraries())


def test_the_pure_packages_are_the_same_with_and_without(collected: Path) -> None:
    package = build.packages_dir(ARCHITECTURE) / "get_order.zip"
    with libraries.exclusive():
        assert build.build("get_order", ARCHITECTURE, "lambda-image")
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        package.unlink()
        assert build.build("get_order", ARCHITECTURE, "host")
    assert hashlib.sha256(package.read_bytes()).hexdigest() == digest
