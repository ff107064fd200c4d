"""Checks files against the JSON schemas that check-jsonschema has, all in one process: its import takes a second.

python -m tests.support.json_schemas github-workflows a.yml b.yml -- dependabot .github/dependabot.yml
"""

import sys
from collections.abc import Sequence
from itertools import groupby

from check_jsonschema import main

from tests.support.shared_provider import SEPARATOR


def check(groups: Sequence[Sequence[str]]) -> int:
    """Check groups, each the name of a schema and files; returns the exit status of the first that fails, or 0."""
    for schema, *files in groups:
        status = main(["--builtin-schema", f"vendor.{schema}", *files], standalone_mode=False)
        if status:
            return int(status)
    return 0


if __name__ == "__main__":
    sys.exit(check([list(words) for other, words in groupby(sys.argv[1:], lambda word: word != SEPARATOR) if other]))
