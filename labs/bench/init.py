"""Cold starts: from a new process to a ready handler, beside a process that only makes the same clients."""

import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from labs.bench.rows import Row
from labs.bench.turns import in_turn
from localstack.stack import SIGNATURE, StackError
from release.packaging import build, isolation, libraries

PROCESSES = 10


class Start(NamedTuple):
    """What a function's start is measured against.

    Args:
        clients: that its handler makes.
        imports: of a library that is the function's purpose, before the clients are made.
        limit: of the ratio.
    """

    clients: tuple[str, ...]
    imports: str = ""
    limit: float = 1.25


STARTS: Final = {
    "create_order": Start(("dynamodb", "sqs")),
    "get_order": Start(("dynamodb",)),
    "list_orders": Start(("dynamodb",)),
    "update_order": Start(("dynamodb", "sns")),
    "order_pdf_creator": Start(("dynamodb", "s3", "sns"), "import weasyprint", limit=1.15),
}
_SCRIPT = (
    "import sys\nsys.path[:0] = sys.argv[1:]\n{statements}\nimport time\nprint(time.monotonic(), time.process_time())"
)


class Seconds(NamedTuple):
    """How long a start took: on the clock, from before its process; and of processor time in it."""

    wall: float
    cpu: float


def floor_of(start: Start) -> str:
    """The statements of the floor."""
    return "\n".join([start.imports, "from common import clients", *(f"clients.{name}()" for name in start.clients)])


def seconds_to_ready(statements: str, folder: Path, runtime: Path) -> Seconds:
    """Run statements in a new process as Lambda would: what is unpacked and its runtime on the path.

    Args:
        statements: to be run.
        folder: with an unpacked package.
        runtime: folder with what Lambda's runtime brings.

    Raises:
        StackError: they failed, or were not done in time; the text ends with the interpreter's own.
    """
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": SIGNATURE,
        # The invoice sets it for itself; its floor is to find the same fonts.
        "FONTCONFIG_FILE": str(folder / "templates" / "invoice" / "fonts.conf"),
    }
    script = _SCRIPT.format(statements=statements)
    began = time.monotonic()
    try:
        done = isolation.run_isolated(script, folder, str(folder), str(runtime), **variables)
    except subprocess.TimeoutExpired:
        raise StackError(f"not ready in {isolation.DEADLINE_SECONDS} s: {statements.strip().splitlines()[0]}") from None
    if done.returncode:
        raise StackError(f"a start that is to be measured failed; `make build` tries each package:\n{done.stderr}")
    ready, cpu = done.stdout.split()
    return Seconds(float(ready) - began, float(cpu))


def _row(function: str, start: Start, rounds: int) -> Row:
    runtime = libraries.runtime_libraries()
    handler, floor = f"import functions.{function}.handler", floor_of(start)
    walls: list[tuple[float, float]] = []
    ratios: list[float] = []
    with isolation.unpacked(build.PACKAGES / f"{function}.zip") as folder:
        for _ in range(rounds):
            sides = in_turn(
                lambda: seconds_to_ready(handler, folder, runtime),
                lambda: seconds_to_ready(floor, folder, runtime),
                PROCESSES,
            )
            ours, beside = (
                Seconds(*(statistics.median(figures) for figures in zip(*side, strict=True))) for side in sides
            )
            walls.append((ours.wall, beside.wall))
            ratios.append(ours.cpu / beside.cpu)
    return Row(
        "init",
        f"start of {function}",
        "s",
        ours=tuple(ours for ours, _ in walls),
        beside=", ".join(filter(None, (start.imports, f"clients of {', '.join(start.clients)}"))),
        floor=tuple(floor for _, floor in walls),
        limit=start.limit,
        note=f"new process to ready handler, interpreter included, {PROCESSES} of each side a round, all bytecode "
        f"there; of processor time {statistics.median(ratios):.2f} ×",
    )


def measure(rounds: int) -> Iterator[Row]:
    """The start of each API function, and of the invoice's.

    Raises:
        BuildError: a package could not be built.
        StackError: a start failed.
    """
    build.build_all()
    for function, start in STARTS.items():
        yield _row(function, start, rounds)
