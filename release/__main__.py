"""`python -m release COMMAND`: builds packages, makes and checks releases."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from release import build, isolation, manifest

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


def main() -> int:
    """Run a command; errors are sentences and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build what changed for this machine, and import each package alone")
    make = commands.add_parser("make", help="make a release of the commit")
    make.add_argument("--architecture", choices=("arm64", "x86_64"), default="arm64")
    for command in (make, commands.add_parser("verify", help="compare a release with its manifest")):
        command.add_argument("--folder", type=Path, default=_RELEASE)
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "build":
                _build()
            case "make":
                _show(manifest.make(arguments.folder, arguments.architecture))
            case "verify":
                _show(manifest.verify(arguments.folder))
    except (build.BuildError, manifest.ManifestError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
