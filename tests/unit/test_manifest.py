import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from release import deploy, manifest
from release.manifest import ManifestError
from tests.support.releases import make_release


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release's folder with two files."""
    make_release(tmp_path)
    return tmp_path


def test_verify_of_unchanged_release_passes(release: Path) -> None:
    """A release that nobody changed passes."""
    assert manifest.verify(release) == manifest.read(release / "release.json")


def test_digest_is_sha256_of_manifest(release: Path) -> None:
    """The name of a release is the SHA-256 of its manifest."""
    done = subprocess.run(["sha256sum", release / "release.json"], capture_output=True, text=True, check=True)
    assert manifest.read(release / "release.json").digest() == done.stdout.split()[0]


def test_verify_of_changed_byte_names_file(release: Path) -> None:
    """A changed byte is refused, and its file named."""
    (release / "packages" / "get_order.zip").write_bytes(b"zap")
    with pytest.raises(ManifestError, match=r"packages/get_order\.zip has digest [0-9a-f]{64}"):
        manifest.verify(release)


def test_verify_names_missing_and_extra_files(release: Path) -> None:
    """A missing file and an extra file are named."""
    (release / "sbom.json").rename(release / "packages" / "extra.zip")
    with pytest.raises(ManifestError) as refused:
        manifest.verify(release)
    assert "sbom.json is missing" in str(refused.value)
    assert "packages/extra.zip is not in the manifest" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": "2"}, "version"),
        ({"commit": "main"}, "commit"),
        ({"architecture": "riscv"}, "architecture"),
        ({"natives": "elsewhere"}, "natives"),
        ({"files": {"a": {"sha256": "x", "size": 1}}}, "files.a.sha256"),
        ({"files": {"a": {"sha256": "a" * 64, "size": 0}}}, "files.a.size"),
        ({"locks": None}, "locks"),
        ({"when": "today"}, "when"),
    ],
)
def test_read_of_invalid_manifest_names_field(release: Path, changes: dict[str, Any], field: str) -> None:
    """A manifest with a wrong field is refused, and the field named."""
    path = release / "release.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ManifestError, match=f"{field}:"):
        manifest.read(path)


def test_read_without_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    """A missing file and a file that is not JSON are reported."""
    with pytest.raises(ManifestError, match="make release"):
        manifest.read(tmp_path / "release.json")
    (tmp_path / "release.json").write_text("{")
    with pytest.raises(ManifestError, match="not a release manifest"):
        manifest.read(tmp_path / "release.json")


def test_version_of_terraform_asks_nobody_for_newer_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform does not ask HashiCorp whether it is outdated: without a network that takes seconds."""
    (tmp_path / "terraform").write_text('#!/bin/sh\n[ "$CHECKPOINT_DISABLE" = 1 ] && echo "$@"\n')
    (tmp_path / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert manifest._output("terraform", "version", "-json") == "version -json"
    assert deploy._terraform("dev", tmp_path, "version") == f"-chdir={tmp_path}/terraform version\n"


def test_make_with_uncommitted_changes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No release is made with uncommitted changes."""
    monkeypatch.setattr(manifest, "ROOT", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "changed.py").touch()
    with pytest.raises(ManifestError, match=r"uncommitted changes; commit them first:\n\?\? changed\.py"):
        manifest.make(tmp_path / "release", "arm64", "host")


def test_make_in_a_repository_that_git_refuses_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a clone of another user, git's own words say what is wrong and what to do; so does the lack of git."""
    monkeypatch.setattr(manifest, "ROOT", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ManifestError, match=r"(?s)dubious ownership.*git config --global --add safe\.directory"):
        manifest.make(tmp_path / "release", "arm64", "host")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match="there is no git on PATH: install it"):
        manifest.make(tmp_path / "release", "arm64", "host")


def test_make_outside_a_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree without git, or unpacked inside another repository, makes no release: it would name the wrong commit."""
    tree = tmp_path / "tree"
    tree.mkdir()
    monkeypatch.setattr(manifest, "ROOT", tree)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(ManifestError, match=r"is not a git repository: .*, so clone it"):
        manifest.make(tmp_path / "release", "arm64", "host")
    monkeypatch.delenv("GIT_CEILING_DIRECTORIES")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    with pytest.raises(ManifestError, match=f"is part of the git repository {tmp_path}"):
        manifest.make(tmp_path / "release", "arm64", "host")
