import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from release import manifest
from release.manifest import ManifestError
from tests.support.releases import make_release


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release's folder with two files."""
    make_release(tmp_path)
    return tmp_path


def test_a_release_as_it_was_made_is_trusted(release: Path) -> None:
    assert manifest.verify(release) == manifest.read(release / "release.json")


def test_the_name_of_a_release_is_the_digest_of_its_manifest(release: Path) -> None:
    done = subprocess.run(["sha256sum", release / "release.json"], capture_output=True, text=True, check=True)
    assert manifest.read(release / "release.json").digest() == done.stdout.split()[0]


def test_a_changed_byte_is_refused_by_name(release: Path) -> None:
    (release / "packages" / "get_order.zip").write_bytes(b"zap")
    with pytest.raises(ManifestError, match=r"packages/get_order\.zip has digest [0-9a-f]{64}"):
        manifest.verify(release)


def test_a_file_missing_and_one_too_many_are_named(release: Path) -> None:
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
def test_what_is_no_manifest_is_refused_with_its_field(release: Path, changes: dict[str, Any], field: str) -> None:
    path = release / "release.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ManifestError, match=f"{field}:"):
        manifest.read(path)


def test_no_manifest_and_no_json_say_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="make release"):
        manifest.read(tmp_path / "release.json")
    (tmp_path / "release.json").write_text("{")
    with pytest.raises(ManifestError, match="not a release manifest"):
        manifest.read(tmp_path / "release.json")


def test_a_tree_with_changes_is_no_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "ROOT", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "changed.py").touch()
    with pytest.raises(ManifestError, match=r"not committed; commit them first:\n\?\? changed\.py"):
        manifest.make(tmp_path / "release", "arm64", "host")
