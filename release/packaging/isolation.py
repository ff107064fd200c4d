"""Imports a package as Lambda does: its zip and the runtime's SDK on the path, and nothing else.

In the Lambda image where the package was made for it, on this machine otherwise. The invoice's also draws a line,
since WeasyPrint looks up most of what it needs of Pango only then.
"""

import json
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release.packaging.libraries import Architecture, BuildError, Natives, machine_of, runtime_libraries
from tooling import docker

DEADLINE_SECONDS = 60
# The first run fetches the image, and a foreign architecture is emulated.
_IMAGE_DEADLINE_SECONDS = 600
# What Terraform sets for one function or another; at import they are only read.
ENVIRONMENT = {
    "ORDERS_TABLE": "orders",
    "IDEMPOTENCY_TABLE": "idempotency",
    "ORDER_CREATION_QUEUE_URL": "https://sqs.af-south-1.amazonaws.com/000000000000/creation",
    "ORDER_EVENTS_TOPIC_ARN": "arn:aws:sns:af-south-1:000000000000:events",
    "ORDERS_BUCKET": "orders",
    "TEMPLATES_BUCKET": "templates",
    "CART_API_URL": "https://cart.example.com",
    "MAIL_FROM": "from@example.com",
    "MAIL_REPLY_TO": "reply@example.com",
    "INTERNAL_NOTIFICATION_EMAIL": "team@example.com",
    "RETRY_DELAY_SECONDS": "60",
    "POWERTOOLS_SERVICE_NAME": "isolation",
    "POWERTOOLS_METRICS_NAMESPACE": "isolation",
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


@dataclass(frozen=True)
class Loaded:
    """What an import brought into the process.

    Args:
        modules: names of Python modules.
        files: of the package that are mapped into memory, such as `lib/libpango-1.0.so.0`; none is known outside Linux.
    """

    modules: frozenset[str]
    files: frozenset[str]


def _loaded(printed: str, folder: str) -> Loaded:
    found = json.loads(printed)
    inside = f"{folder}/"
    files = frozenset(path.removeprefix(inside) for path in found["files"] if path.startswith(inside))
    return Loaded(frozenset(found["modules"]), files)


@contextmanager
def unpacked(package: Path) -> Iterator[Path]:
    """A folder with what is in a package, for as long as it is needed."""
    folder = Path(tempfile.mkdtemp(prefix="isolation-")).resolve()
    try:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        yield folder
    finally:
        shutil.rmtree(folder)


def alone(script: str, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a new process of this Python, with nothing of this machine in its way.

    Args:
        script: Python.
        folder: with an unpacked package.
        arguments: of the script.
        variables: of the environment, beside those of `ENVIRONMENT`.

    Raises:
        TimeoutExpired: it was not done in `DEADLINE_SECONDS`.
    """
    return subprocess.run(
        # -I and -S: no site-packages, no user's folder, no variable of this shell.
        [sys.executable, "-I", "-S", "-B", "-c", script, *arguments],
        # Where Lambda's loader looks, too.
        env={**ENVIRONMENT, **variables, "LD_LIBRARY_PATH": str(folder / "lib")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


def load(package: Path, runtime: Path) -> Loaded:
    """Import the handler of a package alone on this machine.

    Args:
        package: the zip, named after its function.
        runtime: folder with what Lambda's runtime brings.

    Raises:
        BuildError: it cannot be imported; the text ends with the interpreter's own.
    """
    with unpacked(package) as folder:
        try:
            done = alone(_SCRIPT, folder, f"functions.{package.stem}.handler", str(folder), str(runtime))
        except subprocess.TimeoutExpired:
            raise BuildError(f"{package.name}: not imported in {DEADLINE_SECONDS} s") from None
        if done.returncode:
            # As the files are called in this tree, not in the folder that is gone when this is read.
            said = done.stderr[-2_000:].replace(f"{folder}/", "")
            raise BuildError(f"{package.name} cannot be imported alone:\n{said}")
        return _loaded(done.stdout, str(folder))


def load_in_image(package: Path, architecture: Architecture) -> Loaded:
    """Import the handler of a package in the Lambda image, which brings the SDK and the way to `lib/` itself.

    Args:
        package: the zip, named after its function.
        architecture: of the image.

    Raises:
        DockerError: it cannot be imported; the text ends with the interpreter's own.
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
    """Whether this machine can load what is compiled in a package; None is what was built for this machine."""
    if architecture is None or (sys.platform == "linux" and platform.machine() == machine_of(architecture)):
        return True
    with zipfile.ZipFile(package) as archive:
        return not any(".so" in Path(name).suffixes for name in archive.namelist())


def import_all(packages: Path, architecture: Architecture | None = None, natives: Natives = "host") -> list[str]:
    """Import each package of a folder alone: in the Lambda image if the natives are from there, else here.

    Args:
        packages: the folder.
        architecture: that they are for; None for this machine.
        natives: whether the invoice's package has the libraries that draw.

    Returns:
        The names of those that were imported: all, but here none that is compiled for another machine.

    Raises:
        BuildError: a package cannot be imported here.
        DockerError: a package cannot be imported in the Lambda image.
    """
    found = sorted(packages.glob("*.zip"))
    with ThreadPoolExecutor(max_workers=4) as pool:
        if architecture is not None and natives == "lambda-image":
            list(pool.map(lambda package: load_in_image(package, architecture), found))
        else:
            found = [package for package in found if _loads_here(package, architecture)]
            runtime = runtime_libraries()
            list(pool.map(lambda package: load(package, runtime), found))
    return [package.stem for package in found]
