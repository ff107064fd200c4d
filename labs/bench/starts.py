"""Cold starts: from a new process to a ready handler, compared with a process that only makes the same clients.

It makes them once as boto3's documentation does, and once as ours, which are made faster (common/clients.py).
"""

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from labs.bench.report import Row, measure_rounds, row
from localstack.stack import SIGNATURE, StackError
from release.packaging import build, isolation, libraries

_PROCESSES = 8


class Baseline(NamedTuple):
    """The services that a handler makes a client of, the import of the library that it is for, and the limit."""

    services: tuple[str, ...]
    imports: str = ""
    limit: float = 1.1

    @property
    def plain(self) -> str:
        """Python that makes the clients as the documentation of boto3 does."""
        return "\n".join([self.imports, "import boto3", *(f"boto3.client({name!r})" for name in self.services)])

    @property
    def ours(self) -> str:
        """Python that makes them as common/clients.py does."""
        made = (f"clients.session().client({name!r})" for name in self.services)
        return "\n".join([self.imports, "from common import clients", *made])


BASELINES: Final = {
    "create_order": Baseline(("dynamodb", "dynamodb", "sqs")),
    "get_order": Baseline(("dynamodb",)),
    "list_orders": Baseline(("dynamodb",)),
    "update_order": Baseline(("dynamodb", "sns")),
    "order_pdf_creator": Baseline(("dynamodb", "s3", "sns"), "import weasyprint", limit=1.0),
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
        raise StackError(f"the start failed; `bin/release build` imports each package:\n{ended.stderr}")
    return float(ended.stdout) - began


def measure(rounds: int) -> Iterator[Row]:
    """Measure the start of each function of the API and of the invoice, compared with clients of boto3 and of ours."""
    build.build_all()
    for function, baseline in BASELINES.items():
        services = ", ".join(dict.fromkeys(baseline.services))
        what = f"start of {function}"
        with isolation.unpacked(build.PACKAGES / f"{function}.zip") as folder:
            start = partial(_start, folder, f"import functions.{function}.handler")
            for statements, whose, limit in ((baseline.plain, "boto3's", baseline.limit), (baseline.ours, "our", None)):
                sides = measure_rounds(rounds, start, partial(_start, folder, statements), _PROCESSES)
                vs = ", ".join(filter(None, (baseline.imports, f"{whose} clients of {services}")))
                yield row("starts", what, sides, vs, limit)
