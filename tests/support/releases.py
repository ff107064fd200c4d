"""Makes a small release for tests."""

from collections.abc import Mapping
from pathlib import Path

from release import manifest
from release.manifest import Manifest, Sha256


def make_release(folder: Path, package: bytes = b"zip", templates: Mapping[str, bytes] | None = None) -> Manifest:
    """Write a release of one package, templates and an SBOM into a folder, with the files that it has."""
    (folder / "packages").mkdir(parents=True, exist_ok=True)
    (folder / "packages" / "get_order.zip").write_bytes(package)
    (folder / "sbom.json").write_bytes(b"{}")
    for name, content in (templates or {}).items():
        (folder / "templates" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "templates" / name).write_bytes(content)
    made = Manifest(
        commit=manifest.Commit("a" * 40),
        architecture="arm64",
        natives="lambda-image",
        files=manifest.read_files(folder),
        locks={"requirements/functions.txt": Sha256("b" * 64)},
        tools={"python": "3.12.1"},
    )
    (folder / manifest.NAME).write_bytes(made.encode())
    return made
