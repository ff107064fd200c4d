"""Stand-in images: what goes into them, and where Debian's packages come from; `.ci/docker` makes and runs them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from localstack.stand_ins import debian, images
from tooling import docker
from tooling.cli import UserError

LISTED = """Debian bookworm http://mirror.example/debian/
Debian bookworm http://mirror.example/debian/
Debian bookworm-security http://mirror.example/debian-security/
Debian bookworm-backports http://mirror.example/debian/
Somebody stable https://packages.example/apt
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes programs that are the first on PATH, and the only ones but the system's."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    def make(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return make


def test_packages_come_from_where_apt_gets_them(
    program: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image's packages come from the mirrors of this machine's apt, with Debian's fixes, and from no others."""
    program("apt-get", f"cat <<'EOF'\n{LISTED}EOF")
    program("mmdebstrap", f'printf "%s\\n" "$@" > {tmp_path}/arguments')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    debian.root(tmp_path / "root.tar", ["curl", "python3.13"], downloaded=["pango"])
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments[-4:] == [
        "trixie",
        str(tmp_path / "root.tar"),
        "deb http://mirror.example/debian/ trixie main",
        "deb http://mirror.example/debian-security/ trixie-security main",
    ]
    assert "--include=curl,python3.13" in arguments
    (download,) = [each for each in arguments if "pango" in each]
    assert "--download-only" in download


def test_root_without_debian_or_rights_says_what_is_missing(
    program: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Debian's apt, without rights or without mmdebstrap, the error says what is needed."""
    program("apt-get", "true")
    with pytest.raises(UserError, match="on Debian 12 or later"):
        debian.root(tmp_path / "root.tar", ["curl"])
    program("apt-get", f"cat <<'EOF'\n{LISTED}EOF")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match="as root, run: apt-get install mmdebstrap"):
        debian.root(tmp_path / "root.tar", ["curl"])


def test_image_is_made_again_only_when_its_recipe_changes(
    program: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image whose recipe has not changed is not made again; the label of an image says what it stands in for."""
    said: list[str] = []
    for name in ("_localstack", "_lambda"):
        monkeypatch.setattr(images, name, lambda folder: (folder / "root.tar").touch())
    program("docker", f'[ "$1" != image ] || exit 1; printf "%s\\n" "$@" >> {tmp_path}/arguments')
    images.make(said.append)
    assert said[1] == f"{docker.LAMBDA.stand_in} stands in for {docker.LAMBDA.real}"
    arguments = (tmp_path / "arguments").read_text().splitlines()
    for image in (docker.LOCALSTACK, docker.LAMBDA):
        assert f"--tag={image.stand_in}" in arguments
        assert f"--label={docker.STAND_IN_LABEL}={image.real}" in arguments
    recipes = {name: images._recipe(image, name) for image, name in _named()}
    monkeypatch.setattr(docker, "label", lambda image, _: recipes["localstack" if "localstack" in image else "runtime"])
    images.make(said.append)
    assert said[2:] == [f"{image.stand_in} is up to date" for image, _ in _named()]


def _named() -> list[tuple[docker.Image, str]]:
    return [(docker.LOCALSTACK, "localstack"), (docker.LAMBDA, "runtime")]


@pytest.mark.skipif(sys.platform != "linux", reason="images are made on Linux")
def test_python_of_lambda_runs_where_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy of this machine's Python runs by itself; the runtime client lies where Lambda has it."""
    if Path(sys.base_prefix) == Path("/usr"):
        with pytest.raises(UserError, match=r"needs a Python 3\.12 in a folder of its own"):
            images._lambda(tmp_path)
        return
    monkeypatch.setattr(debian, "root", lambda *_, **__: None)
    images._lambda(tmp_path)
    files = tmp_path / "files"
    code = "import ssl, sqlite3, sys; print(sys.prefix)"
    libraries = {"LD_LIBRARY_PATH": str(files / "var" / "lang" / "lib")}
    python = files / "var" / "lang" / "bin" / "python3.12"
    done = subprocess.run([python, "-I", "-c", code], env=libraries, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(files / "var" / "lang")
    assert {"awslambdaric", "boto3", "bootstrap.py"} <= {path.name for path in (files / "var" / "runtime").iterdir()}
    assert os.access(files / "usr" / "bin" / "dnf", os.X_OK)
