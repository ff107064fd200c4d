"""`python -m release COMMAND`: builds packages, makes and checks releases."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

from release import build, evidence, isolation, manifest
from release.store import Store, bucket_name

_RELEASE = build.ROOT / "build" / "release"


def _import_alone(packages: Path) -> None:
    runtime = build.runtime_libraries()
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda package: isolation.modules_loaded(package, runtime), sorted(packages.glob("*.zip"))))


def _build() -> None:
    built = build.build_all()
    _import_alone(build.PACKAGES)
    for name in build.function_names():
        size = (build.PACKAGES / f"{name}.zip").stat().st_size
        print(f"{'built    ' if name in built else 'unchanged'} {name:<30} {size / 1e6:6.2f} MB")


def _show(found: manifest.Manifest) -> None:
    print(f"release  {found.digest()}\ncommit   {found.commit}\nfiles    {len(found.files)}, {found.architecture}")


def _approval(text: str) -> tuple[str, str]:
    role, _, name = text.partition("=")
    if not name:
        raise argparse.ArgumentTypeError("is role=name, such as tech-lead=Thandi")
    return role, name


def _promote(to: evidence.Environment, digest: str, approvals: dict[str, str]) -> manifest.Manifest:
    client = boto3.client("s3")
    before = evidence.BEFORE[to]
    if before is None:
        raise evidence.EvidenceError(f"nothing is promoted to {to}: `python -m release upload` puts a release there")
    source = Store(client, bucket_name(before))
    evidence.require(source, digest, to, approvals)
    return Store(client, bucket_name(to)).copy_from(source, digest)


def main() -> int:
    """Run a command; errors are sentences and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build what changed for this machine, and import each package alone")
    make = commands.add_parser("make", help="make a release of the commit")
    make.add_argument("--architecture", choices=("arm64", "x86_64"), default="arm64")
    for command in (make, commands.add_parser("verify", help="compare a release with its manifest")):
        command.add_argument("--folder", type=Path, default=_RELEASE)
    upload = commands.add_parser("upload", help="put a release into DEV's bucket")
    upload.add_argument("--folder", type=Path, default=_RELEASE)
    promote = commands.add_parser("promote", help="copy a release to the next account's bucket")
    promote.add_argument("--to", choices=tuple(evidence.BEFORE), required=True)
    promote.add_argument("--release", required=True, help="digest of its manifest")
    promote.add_argument("--approval", type=_approval, action="append", default=[], help="role=name, for each role")
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "build":
                _build()
            case "make":
                _show(manifest.make(arguments.folder, arguments.architecture))
            case "verify":
                _show(manifest.verify(arguments.folder))
            case "upload":
                _show(Store(boto3.client("s3"), bucket_name("dev")).upload(arguments.folder))
            case "promote":
                _show(_promote(arguments.to, arguments.release, dict(arguments.approval)))
    except (build.BuildError, manifest.ManifestError, evidence.EvidenceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
