"""Imports a package as Lambda does: with its zip and the runtime's SDK on the path, and nothing else.

A package for the Lambda image is imported in that image, any other on this machine. The invoice's package also renders
a line, because WeasyPrint loads most of Pango only then.
"""

import json
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from release.packaging.libraries import Architecture, BuildError, Natives, machine_of, runtime_libraries
from tooling import docker

DEADLINE_SECONDS = 60
# The first run downloads the image, and Docker emulates another architecture.
_IMAGE_DEADLINE_SECONDS = 600
# The variables that Terraform sets for any of the functions; importing only reads them.
_NAMES = ("ORDERS_TABLE", "IDEMPOTENCY_TABLE", "ORDERS_BUCKET", "TEMPLATES_BUCKET", "POWERTOOLS_SERVICE_NAME")
_MAILS = ("MAIL_FROM", "MAIL_REPLY_TO", "INTERNAL_NOTIFICATION_EMAIL")
ENVIRONMENT = {
    **dict.fromkeys((*_NAMES, "POWERTOOLS_METRICS_NAMESPACE"), "isolation"),
    **dict.fromkeys(_MAILS, "isolation@example.com"),
    **dict.fromkeys(("CART_API_URL", "ORDER_CREATION_QUEUE_URL"), "https://isolation.example.com"),
    "ORDER_EVENTS_TOPIC_ARN": "arn:aws:sns:af-south-1:000000000000:isolation",
    "RETRY_DELAY_SECONDS": "60",
    "AWS_DEFAULT_REGION": "af-south-1",
}
_SCRIPT = """
import importlib, json, pathlib, sys
sys.path[:0] = sys.argv[2:]
assert callable(importlib.import_module(sys.argv[1]).lambda_handler)
if "common.invoice" in sys.modules:
    assert sys.modules["common.invoice"].render_pdf("<title>Test</title><p>R 1.00</p>", b"test").startswith(b"%PDF-")
maps = pathlib.Path("/proc/self/maps")
mapped = {line.split()[-1] for line in maps.read_text().splitlines()} if maps.exists() else set()
print(json.dumps({"modules": sorted(sys.modules), "files": sorted(mapped)}))
"""


class Loaded(NamedTuple):
    """What an import loaded into the process.

    Args:
        modules: Names of Python modules.
        files: Files of the package in memory, such as `lib/libpango-1.0.so.0`; always empty outside Linux.
    """

    modules: frozenset[str]
    files: frozenset[str]


def _loaded(printed: str, folder: str) -> Loaded:
    found, inside = json.loads(printed), f"{folder}/"
    files = (path.removeprefix(inside) for path in found["files"] if path.startswith(inside))
    return Loaded(frozenset(found["modules"]), frozenset(files))


@contextmanager
def unpacked(package: Path) -> Iterator[Path]:
    """A temporary folder with the content of a package."""
    with tempfile.TemporaryDirectory(prefix="isolation-") as name, zipfile.ZipFile(package) as archive:
        folder = Path(name).resolve()
        archive.extractall(folder)
        yield folder


def run_isolated(script: str, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a new Python process that sees no installed libraries and no variables of this shell.

    Args:
        script: Python source.
        folder: Folder with an unpacked package.
        arguments: Arguments of the script.
        variables: Environment variables in addition to `ENVIRONMENT`.

    Raises:
        TimeoutExpired: it takes longer than `DEADLINE_SECONDS`.
    """
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, *arguments],
        # Lambda's loader looks there too.
        env={**ENVIRONMENT, **variables, "LD_LIBRARY_PATH": str(folder / "lib")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


def load(package: Path, runtime: Path) -> Loaded:
    """Import the handler of a package alone on this machine, with a folder of the runtime's libraries.

    Raises:
        BuildError: it cannot be imported; the text ends with Python's own error.
    """
    with unpacked(package) as folder:
        try:
            done = run_isolated(_SCRIPT, folder, f"functions.{package.stem}.handler", str(folder), str(runtime))
        except subprocess.TimeoutExpired:
            raise BuildError(f"{package.name}: not imported after {DEADLINE_SECONDS} s") from None
        if done.returncode:
            # The temporary folder is gone when this is read: name files as in the repository.
            printed = done.stderr[-2_000:].replace(f"{folder}/", "")
            raise BuildError(f"{package.name} cannot be imported alone:\n{printed}")
        return _loaded(done.stdout, str(folder))


def load_in_image(package: Path, architecture: Architecture) -> Loaded:
    """Import the handler of a package in the Lambda image, which has the SDK and looks for libraries in `lib/`.

    Raises:
        DockerError: it cannot be imported; the text ends with Python's own error.
    """
    with unpacked(package) as folder:
        printed = docker.run(
            f"{package.name} cannot be imported in the Lambda image",
            *("run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", docker.platform(architecture)),
            *(f"--volume={folder}:/var/task:ro", "--workdir=/var/task"),
            *(f"--env={name}={value}" for name, value in ENVIRONMENT.items()),
            *("--entrypoint=python", docker.IMAGE, "-I", "-B", "-c", _SCRIPT),
            *(f"functions.{package.stem}.handler", "/var/task", "/var/runtime"),
            seconds=_IMAGE_DEADLINE_SECONDS,
        )
    return _loaded(printed, "/var/task")


def _loads_here(package: Path, architecture: Architecture | None) -> bool:
    """Whether this machine can load the compiled modules of a package; None means built for this machine."""
    if architecture is None or (sys.platform == "linux" and platform.machine() == machine_of(architecture)):
        return True
    with zipfile.ZipFile(package) as archive:
        return not any(".so" in Path(name).suffixes for name in archive.namelist())


def import_all(packages: Path, architecture: Architecture | None = None, natives: Natives = "host") -> list[str]:
    """Import each package of a folder alone: in the Lambda image if Pango comes from it, else on this machine.

    Args:
        packages: Folder of the packages.
        architecture: Architecture that they are for; None for this machine's.
        natives: Whether Pango is in the invoice's package.

    Returns:
        The functions whose packages were imported; this machine skips packages compiled for another.

    Raises:
        BuildError: a package cannot be imported on this machine.
        DockerError: a package cannot be imported in the Lambda image.
    """
    found = sorted(packages.glob("*.zip"))
    with ThreadPoolExecutor(max_workers=4) as pool:
        if architecture is not None and natives == "lambda-image":
            list(pool.map(load_in_image, found, repeat(architecture)))
        else:
            found = [package for package in found if _loads_here(package, architecture)]
            list(pool.map(load, found, repeat(runtime_libraries())))
    return [package.stem for package in found]
