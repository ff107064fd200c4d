"""What has passed is checked again only when it changes, as the caches of ruff and mypy do it.

    python -m tests.support.passed bandit -q -- FILE…

runs a program of the virtual environment for the files that changed since they passed. Another version of a library,
other options or another name of a file check it again. `unless_passed` does the same for a whole part. The digests are
in build/passed: without that folder, as in a new clone, all is checked.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from json import dumps, loads
from pathlib import Path
from subprocess import run

from tests.support.kept import digest
from tests.support.parts import Step
from tests.support.shared_provider import SEPARATOR
from tooling.paths import ROOT

PASSED = ROOT / "build" / "passed"
_LIBRARIES = ROOT / "requirements" / "dev.txt"


def check(command: Sequence[str], names: Sequence[str], passed: Path = PASSED) -> int:
    """Check files by their names; returns the exit status of the program, 0 if no file is to be checked.

    Args:
        command: The program and its options; it must check each file by itself.
        names: Paths, absolute or from the current folder.
        passed: Folder with the digests of what passed.
    """
    how = digest([_LIBRARIES], *command)
    keys = {name: digest([Path(name)], how) for name in names}
    record = passed / f"{Path(command[0]).name}-{how[:12]}.json"
    known = set(loads(record.read_text())) if record.exists() else set[str]()
    changed = [name for name in names if keys[name] not in known]
    status = run([*command, *changed], check=False).returncode if changed else 0
    if status == 0:
        passed.mkdir(parents=True, exist_ok=True)
        record.write_text(dumps(sorted(keys.values())))
    return status


def unless_passed(
    part: str, inputs: Iterable[Path], steps: Callable[[], Sequence[Step]], passed: Path = PASSED
) -> list[Step]:
    """The steps of a part; one that says so if they passed with the same inputs before.

    Args:
        part: Name of the part.
        inputs: Files and folders that decide what the steps find, among them their programs.
        steps: Makes the steps.
        passed: Folder with the digests of what passed.
    """
    # Of the inputs as they are now, which the steps check next.
    key, record = digest([*inputs, _LIBRARIES]), passed / part
    if record.exists() and record.read_text() == key:
        text = f"passed before, and nothing it reads has changed; `bin/test {part}` runs it all the same"
        return [Step([sys.executable, "-c", f"print({text!r})"])]
    write = "import pathlib, sys; path = pathlib.Path(sys.argv[1]); path.parent.mkdir(parents=True, exist_ok=True); "
    write += "path.write_text(sys.argv[2])"
    return [*steps(), Step([sys.executable, "-c", write, str(record), key])]


if __name__ == "__main__":
    _end = sys.argv.index(SEPARATOR)
    _program, *_options = sys.argv[1:_end]
    sys.exit(check([str(ROOT / ".venv" / "bin" / _program), *_options], sys.argv[_end + 1 :]))
