"""Lists the libraries of the packages as a CycloneDX SBOM, made by cyclonedx-bom from a lock file."""

import sys
from pathlib import Path

from tooling import commands
from tooling.paths import ROOT

_DEADLINE_SECONDS = 120


def write(target: Path) -> None:
    """Write the SBOM of the invoice package, which has the libraries of all packages; the same bytes each time.

    Raises:
        CommandError: cyclonedx-py failed.
    """
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "requirements", "requirements/invoice.txt"),
        *("--pyproject=pyproject.toml", "--output-reproducible", "--sv=1.6", "--of=JSON", f"--output-file={target}"),
    ]
    commands.run("write the SBOM", command, _DEADLINE_SECONDS, cwd=ROOT).checked()
