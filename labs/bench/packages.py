"""What each package has and what importing it loads, beside one package for all functions."""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from labs.bench.rows import Row
from release.packaging import build, isolation, libraries

_EVERYTHING = "everything"


def everything(packages: list[Path], folder: Path) -> Path:
    """Make the package that all functions could share.

    Args:
        packages: of the functions.
        folder: for it.

    Returns:
        A zip with what any of them has, and a function that imports the handlers of all.
    """
    target = folder / f"{_EVERYTHING}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as union:
        for package in packages:
            with zipfile.ZipFile(package) as archive:
                for name in sorted(set(archive.namelist()).difference(union.namelist())):
                    union.writestr(name, archive.read(name))
        imports = "".join(f"from functions.{package.stem}.handler import lambda_handler\n" for package in packages)
        union.writestr(f"functions/{_EVERYTHING}/handler.py", imports)
    return target


def measure(rounds: int) -> Iterator[Row]:
    """Bytes and modules of each package; neither differs from round to round, so that each is taken once.

    Raises:
        BuildError: a package could not be built, or not be imported.
    """
    build.build_all()
    packages = [build.PACKAGES / f"{function}.zip" for function in build.function_names()]
    runtime = libraries.runtime_libraries()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        union = everything(packages, Path(folder))
        size, modules = union.stat().st_size, len(isolation.load(union, runtime).modules)
    beside = "one package for all"
    for package in packages:
        budget = f"{build.group_of(package.stem).budget:,}"
        yield Row(
            "packages",
            f"{package.stem}, zipped",
            "bytes",
            ours=(package.stat().st_size,),
            beside=beside,
            floor=(size,),
            note=f"the build refuses more than {budget} bytes",
        )
    for package in packages:
        loaded = len(isolation.load(package, runtime).modules)
        yield Row("packages", f"{package.stem}, loaded", "modules", ours=(loaded,), beside=beside, floor=(modules,))
