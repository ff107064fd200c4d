"""The commands that Docker gets, and the errors when they fail, tested with a fake `docker`."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from release.packaging import build, isolation, libraries
from tooling import docker
from tooling.paths import ROOT

_FAKE = """#!/bin/sh
[ "$1 $2" != "image inspect" ] || exec {folder}/inspect "$3"
printf '%s\\n' "$@" > {folder}/arguments
{script}
"""


class FakeDocker:
    """A `docker` that records its arguments.

    Args:
        folder: Folder of the program, first on PATH.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.set_script("exit 0")
        self.set_images({})

    def set_script(self, script: str) -> None:
        """Set the shell script that a call runs."""
        program = self._folder / "docker"
        program.write_text(_FAKE.format(folder=self._folder, script=script))
        program.chmod(0o755)

    def set_images(self, labels: Mapping[str, Mapping[str, str]], image_id: str = "sha256:1") -> None:
        """Set the images that are there, by name, with their labels, and the id of all of them."""
        program = self._folder / "inspect"
        shown = {name: json.dumps([{"Id": image_id, "Config": {"Labels": of}}]) for name, of in labels.items()}
        cases = [f"{name}) echo '{text}';;" for name, text in shown.items()]
        program.write_text("\n".join(["#!/bin/sh", 'case "$1" in', *cases, "*) exit 1;;", "esac"]))
        program.chmod(0o755)

    def arguments(self) -> list[str]:
        """The arguments of the last call."""
        return (self._folder / "arguments").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """A fake `docker` on PATH, and an empty folder for libraries."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(libraries, "LIBRARIES", tmp_path / "libraries")
    return FakeDocker(tmp_path)


def test_available_only_if_docker_info_succeeds(
    fake: FakeDocker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Docker engine counts as running only if `docker info` succeeds in time."""
    assert docker.available()
    assert fake.arguments() == ["info"]
    fake.set_script("exit 1")
    assert not docker.available()
    fake.set_script("exec sleep 5")
    monkeypatch.setattr(docker, "_RESPONSE_SECONDS", 0.1)
    assert not docker.available()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert not docker.available()


def test_docker_failure_is_an_error_with_its_message(
    fake: FakeDocker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Docker command that fails, hangs or does not exist is an error with Docker's message."""
    fake.set_script("echo 'no such package: pango' >&2; exit 1")
    with pytest.raises(docker.DockerError, match=r"(?s)no libraries: docker build failed:.no such package: pango$"):
        docker.run("no libraries", "build", seconds=5)
    fake.set_script("exec sleep 5")
    with pytest.raises(docker.DockerError, match="docker build not finished after 0 s"):
        docker.run("no libraries", "build", seconds=0.1)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(docker.DockerError, match="there is no docker on PATH"):
        docker.run("no libraries", "build", seconds=5)


def test_native_libraries_are_built_once(fake: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The invoice's native libraries are built once for each architecture, by buildx whatever the shell asks for."""
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    fake.set_script(
        '[ "$DOCKER_BUILDKIT" = 1 ] || exit 1\n'
        f'mkdir -p {tmp_path}/libraries/natives-arm64-{libraries.natives_digest()}.partial/lib; echo "$@" >&2'
    )
    folder = libraries.native_libraries("arm64")
    assert (folder / "lib").is_dir()
    context = ROOT / "release" / "packaging"
    assert fake.arguments() == [
        "build",
        "--platform=linux/arm64",
        f"--build-arg=IMAGE={docker.LAMBDA.real}",
        f"--file={context}/natives.Dockerfile",
        f"--output=type=local,dest={folder}.partial",
        str(context),
    ]
    fake.set_script("exit 1")
    assert libraries.native_libraries("arm64") == folder
    with pytest.raises(docker.DockerError, match="the x86_64 libraries of the invoice were not built: docker build"):
        libraries.native_libraries("x86_64")


def test_package_is_imported_in_lambdas_image(fake: FakeDocker, tmp_path: Path) -> None:
    """A package is imported in Lambda's image, read-only and without network, and its files are listed."""
    package = tmp_path / "get_order.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("functions/__init__.py", "")
    printed = {"modules": ["functions"], "files": ["lib/libpango-1.0.so.0"]}
    fake.set_script(f"cat <<'EOF'\n{json.dumps(printed)}\nEOF")
    assert json.loads(isolation.load_in_image(package, "x86_64")) == printed
    arguments = fake.arguments()
    assert arguments[:2] == ["run", "--rm"]
    assert {"--network=none", "--platform=linux/amd64", "--entrypoint=python", "--read-only"} <= set(arguments)
    assert arguments[-3:] == ["functions.get_order.handler", "/var/task", "/var/runtime"]
    assert sum(argument.startswith("--volume=") for argument in arguments) == 1
    fake.set_script("echo '  File \"/var/task/common/invoice.py\": ImportError: libpango' >&2; exit 1")
    error = r'(?s)get_order\.zip cannot be imported in the Lambda.*File "common/invoice\.py": ImportError: libpango'
    with pytest.raises(docker.DockerError, match=error):
        isolation.load_in_image(package, "x86_64")


def test_release_without_docker_is_refused(fake: FakeDocker) -> None:
    """Without a Docker engine a release is refused, with what to do."""
    fake.set_script("exit 1")
    with pytest.raises(libraries.BuildError, match=r"no Docker engine .* responds: start Docker, .* --host-pango"):
        build.build_all("arm64", "lambda-image")
    assert fake.arguments() == ["info"]


def test_stand_in_builds_only_for_this_machine(fake: FakeDocker) -> None:
    """A package for another architecture is not built in a stand-in, which is for this machine's."""
    fake.set_images({docker.LAMBDA.stand_in: {}})
    other: libraries.Architecture = "arm64" if docker.architecture() == "x86_64" else "x86_64"
    with pytest.raises(libraries.BuildError, match=f"for {docker.architecture()} only: build for that"):
        build.build_all(other, "lambda-image")


def test_build_without_buildx_is_refused_first(fake: FakeDocker) -> None:
    """Without Docker's builder nothing is built, and the error says how to get it."""
    fake.set_script('[ "$1" != buildx ]')
    with pytest.raises(libraries.BuildError, match=r"no Docker engine with buildx responds: .*, install docker-buildx"):
        build.build_all("arm64", "lambda-image")
    assert fake.arguments() == ["buildx", "version"]
    assert not (libraries.LIBRARIES).exists()


def test_stand_in_is_used_only_without_real_image(fake: FakeDocker) -> None:
    """A stand-in is used where the real image is not there, and otherwise Docker pulls the real one."""
    assert docker.LAMBDA.name() == docker.LAMBDA.real
    fake.set_images({docker.LAMBDA.stand_in: {docker.STAND_IN_LABEL: docker.LAMBDA.real}})
    assert docker.LAMBDA.is_stand_in()
    assert docker.LAMBDA.name() == docker.LAMBDA.stand_in
    assert docker.label(docker.LAMBDA.stand_in, docker.STAND_IN_LABEL) == docker.LAMBDA.real
    fake.set_images({docker.LAMBDA.stand_in: {}, docker.LAMBDA.real: {}})
    assert not docker.LAMBDA.is_stand_in()
    assert docker.LAMBDA.name() == docker.LAMBDA.real


def test_libraries_of_stand_in_are_not_those_of_real_image(fake: FakeDocker) -> None:
    """Libraries built in a stand-in are kept apart, and so are packages that have them."""
    real = libraries.natives_digest()
    fake.set_images({docker.LAMBDA.stand_in: {}})
    assert libraries.natives_digest() != real
    fake.set_images({docker.LAMBDA.stand_in: {}, docker.LAMBDA.real: {}})
    assert libraries.natives_digest() == real


def test_libraries_of_stand_in_are_built_again_when_it_changes(fake: FakeDocker) -> None:
    """A stand-in with other content has the same name, and its libraries are not those of the one before."""
    build_it = 'for folder in "$@"; do case $folder in --output=*) mkdir -p "${folder#*dest=}/lib";; esac; done'
    fake.set_script(build_it)
    fake.set_images({docker.LAMBDA.stand_in: {}})
    first = libraries.native_libraries("arm64")
    fake.set_script("exit 1")
    assert libraries.native_libraries("arm64") == first
    fake.set_images({docker.LAMBDA.stand_in: {}}, "sha256:2")
    fake.set_script(build_it)
    assert libraries.native_libraries("arm64") != first
