"""What is in the packages, as CycloneDX: made by cyclonedx-bom from the library locks."""

import subprocess
import sys
from pathlib import Path

from release.packaging.libraries import BuildError
from tooling.paths import ROOT

_DEADLINE_SECONDS = 120


def write(target: Path) -> None:
    """Write the SBOM of the invoice package, whose libraries are those of all packages; the same bytes each time.

    Raises:
        BuildError: cyclonedx-py failed.
    """
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "requirements", "requirements/invoice.txt"),
        *("--pyproject=pyproject.toml", "--output-reproducible", "--sv=1.6", "--of=JSON", f"--output-file={target}"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_DEADLINE_SECONDS)
    if done.returncode:
        raise BuildError(f"cyclonedx-py failed:\n{done.stderr[-2_000:]}")
