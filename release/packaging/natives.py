"""Copies the shared libraries that WeasyPrint opens, with their dependencies, into a folder.

natives.Dockerfile runs `python natives.py FOLDER` in the Lambda image, with the standard library and glibc's ldconfig
and ldd alone.
"""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

# weasyprint/text/ffi.py fails or warns without one of these.
OPENED = (
    "libgobject-2.0.so.0",
    "libpango-1.0.so.0",
    "libharfbuzz.so.0",
    "libharfbuzz-subset.so.0",
    "libfontconfig.so.1",
    "libpangoft2-1.0.so.0",
)
# Lambda has these and runs Python on them: a second glibc would break the process.
_OF_THE_SYSTEM = re.compile(
    r"(ld-linux.*|linux-vdso|libc|libm|libdl|libpthread|librt|libresolv|libutil|libgcc_s|libstdc\+\+)\.so\.\d+"
)
_IN_CACHE = re.compile(r"^\s+(\S+) \(([^)]*)\) => (\S+)$", re.MULTILINE)
_NEEDED = re.compile(r"^\s+(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$", re.MULTILINE)
_KINDS = {"x86_64": "x86-64", "aarch64": "AArch64"}
_DEADLINE_SECONDS = 60


class NativesError(Exception):
    """A library is not installed; the text names it."""


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_DEADLINE_SECONDS)
    return done.stdout


def installed() -> dict[str, Path]:
    """The shared libraries of this machine's architecture in the loader's cache, by soname."""
    kind = _KINDS[platform.machine()]
    found: dict[str, Path] = {}
    for soname, kinds, path in _IN_CACHE.findall(_output("/sbin/ldconfig", "-p")):
        if kind in kinds:
            found.setdefault(soname, Path(path))
    return found


def closure(paths: Iterable[Path]) -> dict[str, Path]:
    """The dependencies of shared libraries, direct or not, by soname, without those of the system.

    Raises NativesError: a dependency is not installed.
    """
    needed = dict(_NEEDED.findall(_output("ldd", *map(str, paths))))
    missing = sorted(soname for soname, path in needed.items() if path == "not found")
    if missing:
        raise NativesError(f"not installed, but needed: {', '.join(missing)}")
    return {soname: Path(path) for soname, path in needed.items() if not _OF_THE_SYSTEM.fullmatch(soname)}


def collect(target: Path) -> list[str]:
    """Copy what WeasyPrint opens, with dependencies, into a folder, each under its soname; return the sonames.

    Raises NativesError: a library is not installed.
    """
    available = installed()
    missing = [soname for soname in OPENED if soname not in available]
    if missing:
        raise NativesError(f"WeasyPrint needs libraries that are not installed: {', '.join(missing)}")
    opened = {soname: available[soname] for soname in OPENED}
    libraries = closure(opened.values()) | opened
    target.mkdir(parents=True, exist_ok=True)
    for soname, path in libraries.items():
        # Follow links and drop modes: a zip keeps neither.
        shutil.copyfile(path, target / soname)
    return sorted(libraries)


if __name__ == "__main__":
    try:
        print("\n".join(collect(Path(sys.argv[1]))))
    except (NativesError, subprocess.SubprocessError) as error:
        sys.exit(f"error: {error}")
