"""Which libraries are collected; tests/integration/test_native_libraries.py collects them and draws with them."""

import re
import sys
from pathlib import Path

import pytest
import weasyprint.text.ffi

from release.packaging import natives


def test_what_weasyprint_opens_is_what_is_collected() -> None:
    source = Path(weasyprint.text.ffi.__file__).read_text()
    opened = set(re.findall(r"'(lib[a-z0-9.-]+\.so\.\d+)'", source))
    # WeasyPrint's own SVG to vector fonts: it asks for it, and does well without.
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
def test_what_python_runs_on_is_left_out(
    soname: str, carried: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(natives, "_output", lambda *_: f"\t{soname} => /lib64/{soname} (0x0000ffff)\n")
    assert natives.closure([tmp_path]) == ({soname: Path("/lib64", soname)} if carried else {})


def test_what_is_needed_and_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(natives, "_output", lambda *_: "\tlibthai.so.0 => not found\n\tlibz.so.1 => /lib64/libz.so.1\n")
    with pytest.raises(natives.NativesError, match=r"^needed and not installed: libthai\.so\.0$"):
        natives.closure([tmp_path])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a loader's cache")
def test_what_weasyprint_opens_and_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    everything = natives.installed()
    assert set(natives.OPENED) <= everything.keys()
    everything.pop("libharfbuzz-subset.so.0")
    monkeypatch.setattr(natives, "installed", lambda: everything)
    with pytest.raises(natives.NativesError, match=r"not installed: libharfbuzz-subset\.so\.0$"):
        natives.collect(tmp_path)
