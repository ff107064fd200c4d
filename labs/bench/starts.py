"""Cold starts: from a new process to a ready handler, compared with a process that only makes the same clients."""

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from labs.bench.report import Row, measure_rounds, row
from localstack.stack import SIGNATURE, StackError
from release.packaging import build, isolation, libraries

_PROCESSES = 10


class Baseline(NamedTuple):
    """The AWS clients that a handler makes, the import of the library that it is for, and the limit of the ratio."""

    clients: tuple[str, ...]
    imports: str = ""
    limit: float = 1.25

    @property
    def statements(self) -> str:
        """The baseline as Python."""
        return "\n".join([self.imports, "from common import clients", *(f"clients.{name}()" for name in self.clients)])


BASELINES: Final = {
    "create_order": Baseline(("dynamodb", "dynamodb_without_retries", "sqs")),
    "get_order": Baseline(("dynamodb",)),
    "list_orders": Baseline(("dynamodb",)),
    "update_order": Baseline(("dynamodb", "sns")),
    "order_pdf_creator": Baseline(("dynamodb", "s3", "sns"), "import weasyprint", limit=1.15),
}


def _start(folder: Path, statements: str) -> float:
    """Seconds until statements have run in a new process with Lambda's path; StackError if they failed."""
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": SIGNATURE,
        # The invoice function sets it; its baseline must find the same fonts.
        "FONTCONFIG_FILE": str(folder / "templates" / "invoice" / "fonts.conf"),
    }
    path = f"{[str(folder), str(libraries.runtime_libraries())]}"
    script = f"import sys\nsys.path[:0] = {path}\n{statements}\nimport time\nprint(time.monotonic())"
    began = time.monotonic()
    try:
        ended = isolation.run_isolated(script, folder, **variables)
    except subprocess.TimeoutExpired:
        raise StackError(f"not ready after {isolation.DEADLINE_SECONDS} s: {statements}") from None
    if ended.returncode:
        raise StackError(f"the start failed; `bin/release build` tries each package:\n{ended.stderr}")
    return float(ended.stdout) - began


def measure(rounds: int) -> Iterator[Row]:
    """Measure the start of each API function and of the invoice function."""
    build.build_all()
    for function, baseline in BASELINES.items():
        with isolation.unpacked(build.PACKAGES / f"{function}.zip") as folder:
            ours = partial(_start, folder, f"import functions.{function}.handler")
            theirs = partial(_start, folder, baseline.statements)
            sides = measure_rounds(rounds, ours, theirs, _PROCESSES)
        vs = ", ".join(filter(None, (baseline.imports, f"clients of {', '.join(baseline.clients)}")))
        yield row("starts", f"start of {function}", sides, vs, baseline.limit)
