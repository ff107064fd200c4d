"""Makes the stand-in images of LocalStack and of Lambda's Python.

Everything in them is what the harness uses without Docker too: LocalStack and the runtime's libraries from their lock
files, AWS's DynamoDB Local. Debian has the rest, but for Python 3.12, which is this machine's.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from localstack.stand_ins import debian
from tooling import docker, dynamodb_local, machine
from tooling.cli import UserError
from tooling.paths import ROOT

_HERE = Path(__file__).parent
_RUNTIME = ROOT / "localstack" / "lambda_runtime"
_BUILD_SECONDS = 600
# What the recipe of an image was made from; an image with the same label is not made again.
_RECIPE_LABEL = "order-platform.recipe"
# LocalStack's paths for what it would download.
_LIBRARIES = Path("usr/lib/localstack")
_INIT = _LIBRARIES / "lambda-runtime" / "v0.1.41-pre"
# What Python 3.12 and the runtime client are linked with.
_LINKED = (
    *("libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libreadline8t64", "libsqlite3-0"),
    *("libssl3t64", "libstdc++6", "libuuid1", "zlib1g"),
)
_PANGO = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fontconfig-config")
# Parts of Python that no function needs.
_UNUSED = ("test", "idlelib", "ensurepip", "lib2to3", "tkinter", "turtledemo", "config-*", "*.a", "site-packages")


def make(say: Callable[[str], None]) -> None:
    """Make the images that are missing or out of date, and say which.

    Raises:
        UserError: this machine cannot make them; the text says what is missing.
        DockerError: Docker does not take them.
    """
    for image, name, stage in ((docker.LOCALSTACK, "localstack", _localstack), (docker.LAMBDA, "runtime", _lambda)):
        recipe = _recipe(image, name)
        if docker.label(image.stand_in, _RECIPE_LABEL) == recipe:
            say(f"{image.stand_in} is up to date")
            continue
        with tempfile.TemporaryDirectory(prefix="image-", dir=_build_folder()) as staged:
            folder = Path(staged)
            stage(folder)
            docker.run(
                f"{image.stand_in} was not built",
                *("build", "--quiet", f"--tag={image.stand_in}", f"--build-arg=REAL={image.real}"),
                *(f"--label={_RECIPE_LABEL}={recipe}", f"--label={docker.STAND_IN_LABEL}={image.real}"),
                *(f"--file={_HERE / f'{name}.Dockerfile'}", str(folder)),
                seconds=_BUILD_SECONDS,
            )
        say(f"{image.stand_in} stands in for {image.real}")


def _build_folder() -> Path:
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    return folder


def _recipe(image: docker.Image, name: str) -> str:
    """Digest of what an image is made from, but for the versions of Debian's packages, which are the day's."""
    files = [*_HERE.glob("*.py"), *_HERE.glob("*.sh"), *_RUNTIME.glob("*.py"), _HERE / f"{name}.Dockerfile"]
    files += [ROOT / "requirements" / f"{name}.txt", ROOT / "tooling" / "dynamodb_local.py"]
    digest = hashlib.sha256(f"{image} {sys.version}".encode())
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _installed(name: str) -> Path:
    """The libraries of a lock file, installed on this machine."""
    try:
        machine.install(name)
    except RuntimeError as error:
        raise UserError(str(error)) from None
    return next((machine.TOOL_VENVS[name] / "lib").glob("python3.*/site-packages"))


def _copy(sources: Mapping[Path, Path]) -> None:
    for source, target in sources.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _localstack(folder: Path) -> None:
    """Stage LocalStack with what it would download."""
    packages = ("ca-certificates", "curl", "openjdk-21-jre-headless", "python3.13")
    debian.root(folder / "root.tar", packages)
    files = folder / "files"
    venv = files / "opt" / "code" / "localstack" / ".venv"
    libraries = files / _LIBRARIES
    init = files / _INIT / docker.architecture() / "var" / "rapid"
    _copy(
        {
            _installed("localstack"): venv / "lib" / "python3.13" / "site-packages",
            dynamodb_local.install(): libraries / "dynamodb-local" / "2",
            _HERE / "entrypoint.sh": files / "usr" / "local" / "bin" / "docker-entrypoint.sh",
            _HERE / "init.sh": init / "init",
            **{_RUNTIME / name: init / name for name in ("container_init.py", "runtime_api.py")},
        }
    )
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to("/usr/bin/python3.13")
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (libraries / "java").mkdir()
    (libraries / "java" / "21").symlink_to(f"/usr/lib/jvm/java-21-openjdk-{debian.architecture()}")


def _lambda(folder: Path) -> None:
    """Stage Lambda's Python with its runtime client and SDK, and the packages that its `dnf` installs."""
    python = Path(sys.base_prefix)
    if python == Path("/usr"):
        raise UserError("Lambda's image needs a Python 3.12 in a folder of its own: uv python install 3.12, or pyenv's")
    debian.root(folder / "root.tar", _LINKED, downloaded=_PANGO)
    files = folder / "files"
    inside = files / "var" / "lang"
    inside.mkdir(parents=True)
    shutil.copytree(python / "bin", inside / "bin", symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    unused = shutil.ignore_patterns("__pycache__", *_UNUSED)
    shutil.copytree(python / "lib", inside / "lib", symlinks=True, ignore=unused)
    (inside / "lib" / version / "site-packages").mkdir()
    (inside / "lib" / version / "site-packages" / "runtime.pth").write_text("/var/runtime\n")
    _copy(
        {
            _installed("runtime"): files / "var" / "runtime",
            _RUNTIME / "bootstrap.py": files / "var" / "runtime" / "bootstrap.py",
            _HERE / "dnf.sh": files / "usr" / "bin" / "dnf",
        }
    )
