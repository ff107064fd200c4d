"""Imports a package as Lambda does: with its zip and the runtime's SDK on the path, and nothing else.

A package for the Lambda image is imported in that image, any other on this machine. The invoice's package also renders
a line, because WeasyPrint loads most of Pango only then.
"""

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

from release.packaging.libraries import MACHINES, Architecture, BuildError, Natives, runtime_libraries
from tooling import docker
from tooling.docker import DockerError

DEADLINE_SECONDS = 60
# The first run downloads the image, and Docker emulates another architecture.
_IMAGE_DEADLINE_SECONDS = 600
# Where the image has the package.
_TASK = "/var/task"
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
    assert sys.modules["common.invoice"].render_pdf("<title>Test</title><p>R 1.00</p>").startswith(b"%PDF-")
maps = pathlib.Path("/proc/self/maps")
mapped = {line.split()[-1] for line in maps.read_text().splitlines()} if maps.exists() else set()
inside = sys.argv[2] + "/"
files = [path.removeprefix(inside) for path in mapped if path.startswith(inside)]
print(json.dumps({"modules": list(sys.modules), "files": files}))
"""


@contextmanager
def unpacked(package: Path) -> Iterator[Path]:
    """A temporary folder with the content of a package."""
    with tempfile.TemporaryDirectory(prefix="isolation-") as name, zipfile.ZipFile(package) as archive:
        folder = Path(name).resolve()
        archive.extractall(folder)
        yield folder


def run_isolated(script: str, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a new Python process that sees an unpacked package, and no installed libraries.

    Its environment variables are `ENVIRONMENT` and the given ones, none of this shell.

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


def load(package: Path, runtime: Path) -> str:
    """Import the handler of a package alone on this machine, with a folder of the runtime's libraries.

    Returns:
        JSON with the names of the Python `modules` in the process, and on Linux the `files` of the package in memory.

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
        return done.stdout


def load_in_image(package: Path, architecture: Architecture) -> str:
    """Import the handler of a package as `load` does, but in the Lambda image, which looks for libraries in `lib/`.

    Raises DockerError: it cannot be imported; the text ends with Python's own error.
    """
    with unpacked(package) as folder:
        try:
            return docker.run(
                f"{package.name} cannot be imported in the Lambda image",
                *("run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", docker.platform(architecture)),
                *(f"--volume={folder}:{_TASK}:ro", f"--workdir={_TASK}"),
                *(f"--env={name}={value}" for name, value in ENVIRONMENT.items()),
                *("--entrypoint=python", docker.LAMBDA.name(), "-I", "-B", "-c", _SCRIPT),
                *(f"functions.{package.stem}.handler", _TASK, "/var/runtime"),
                seconds=_IMAGE_DEADLINE_SECONDS,
            )
        except DockerError as error:
            # As in the repository.
            raise DockerError(str(error).replace(f"{_TASK}/", "")) from None


def _loads_here(package: Path, architecture: Architecture | None) -> bool:
    """Whether this machine can load the compiled modules of a package; None means built for this machine."""
    if architecture is None or (sys.platform == "linux" and platform.machine() == MACHINES[architecture]):
        return True
    with zipfile.ZipFile(package) as archive:
        return not any(".so" in Path(name).suffixes for name in archive.namelist())


def import_all(packages: Path, architecture: Architecture | None = None, natives: Natives = "host") -> list[str]:
    """Import each package of a folder alone: in the Lambda image if Pango comes from it, else on this machine.

    Returns:
        The functions whose packages were imported; this machine skips packages compiled for another.

    Raises:
        BuildError: a package cannot be imported on this machine.
        DockerError: a package cannot be imported in the Lambda image.
    """
    found = sorted(packages.glob("*.zip"))
    with ThreadPoolExecutor(max_workers=4) as pool:
        if architecture is not None and natives != "host":
            list(pool.map(load_in_image, found, repeat(architecture)))
        else:
            found = [package for package in found if _loads_here(package, architecture)]
            list(pool.map(load, found, repeat(runtime_libraries())))
    return [package.stem for package in found]
