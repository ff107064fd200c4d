"""What a developer waits for `make test`."""

import os
from collections.abc import Iterator

from localstack.bench.harness import timed
from localstack.bench.rows import Row
from localstack.stack import ROOT

# What `make bench` hands down to a make is not what a developer has.
_OURS = ("MAKE", "STACK_DIR")
_LIMIT_SECONDS = 480


def measure(rounds: int) -> Iterator[Row]:
    """Times of `make test` in this tree, whose tools are installed, on a stack of its own.

    Args:
        rounds: how often it runs.

    Raises:
        CommandError: a test failed; the text ends with what was printed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    seconds = tuple(timed("make test", ["make", "test"], environment, ROOT) for _ in range(rounds))
    note = "all of it, from a stack that is not there; what a fresh clone installs before is not in it"
    yield Row(part="test", what="`make test`", unit="s", ours=seconds, limit=_LIMIT_SECONDS, note=note)
