"""Which shared libraries are collected; tests/integration/test_native_libraries.py renders with them."""

import re
import sys
from pathlib import Path

import pytest
import weasyprint.text.ffi

from release.packaging import natives


def test_opened_libraries_are_those_of_weasyprint() -> None:
    """The collected libraries are those that WeasyPrint opens."""
    source = Path(weasyprint.text.ffi.__file__).read_text()
    opened = set(re.findall(r"'(lib[a-z0-9.-]+\.so\.\d+)'", source))
    # Optional: WeasyPrint renders without it.
    assert opened - {"libharfbuzz-vector.so.0"} == set(natives.OPENED)


@pytest.mark.parametrize(
    ("soname", "carried"),
    [
        ("libc.so.6", False),
        ("libm.so.6", False),
        ("libpthread.so.0", False),
        ("ld-linux-aarch64.so.1", False),
        ("libgcc_s.so.1", False),
        ("libstdc++.so.6", False),
        ("libcairo.so.2", True),
        ("libmount.so.1", True),
        ("libresolver.so.1", True),
    ],
)
def test_closure_excludes_system_libraries(
    soname: str, carried: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Libraries that Python itself runs on stay out of the package."""
    monkeypatch.setattr(natives, "_output", lambda *_: f"\t{soname} => /lib64/{soname} (0x0000ffff)\n")
    assert natives.closure([tmp_path]) == ({soname: Path("/lib64", soname)} if carried else {})


def test_closure_names_missing_dependency(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A dependency that is not installed is named."""
    monkeypatch.setattr(natives, "_output", lambda *_: "\tlibthai.so.0 => not found\n\tlibz.so.1 => /lib64/libz.so.1\n")
    with pytest.raises(natives.NativesError, match=r"^not installed, but needed: libthai\.so\.0$"):
        natives.closure([tmp_path])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a loader's cache")
def test_collect_names_missing_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A library that WeasyPrint opens and that is not installed is named."""
    everything = natives.installed()
    assert set(natives.OPENED) <= everything.keys()
    everything.pop("libharfbuzz-subset.so.0")
    monkeypatch.setattr(natives, "installed", lambda: everything)
    with pytest.raises(natives.NativesError, match=r"not installed: libharfbuzz-subset\.so\.0$"):
        natives.collect(tmp_path)
