"""In place of `bash` in the jobs of a rehearsal: passes over the steps that it leaves out, and runs all others."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from labs.rehearsal.shortened import reason_to_leave_out

PROGRAMS: Final = Path(__file__).parent / "programs"
# How a step's output begins that was left out.
MARK: Final = "left out of the rehearsal: "


def main(arguments: Sequence[str]) -> None:
    """Run bash with these arguments, the last of which is a file with a step's script, unless it is left out."""
    script = Path(arguments[-1]) if arguments else Path()
    reason = None
    if script.suffix == ".sh" and script.is_file():
        job = (os.environ.get("GITHUB_WORKFLOW", ""), os.environ.get("GITHUB_JOB", ""))
        reason = reason_to_leave_out(*job, script.read_text().strip())
    if reason:
        print(f"{MARK}{reason}")
        return
    folders = os.environ["PATH"].split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(folder for folder in folders if Path(folder) != PROGRAMS)
    bash = shutil.which("bash") or "/bin/bash"
    os.execv(bash, [bash, *arguments])  # noqa: S606  # nosec B606  # it stands for bash


if __name__ == "__main__":
    main(sys.argv[1:])
