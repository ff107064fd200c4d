"""What a developer waits for `make test`."""

from collections.abc import Iterator

from labs.bench.harness import timed
from labs.bench.rows import Row
from tooling.commands import outside_make
from tooling.paths import ROOT

_LIMIT_SECONDS = 480


def measure(rounds: int) -> Iterator[Row]:
    """Times of `make test` in this tree, whose tools are installed, on a stack of its own.

    Args:
        rounds: how often it runs.

    Raises:
        CommandError: a test failed; the text ends with what was printed.
    """
    environment = {name: value for name, value in outside_make().items() if name != "STACK_DIR"}
    seconds = tuple(timed("make test", ["make", "test"], environment, ROOT) for _ in range(rounds))
    note = "all of it, from a stack that is not there; what a fresh clone installs before is not in it"
    yield Row(part="test", what="`make test`", unit="s", ours=seconds, limit=_LIMIT_SECONDS, note=note)
