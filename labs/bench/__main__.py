"""`python -m labs.bench`: the command line of the bench."""

import argparse
import sys

from labs.bench.run import PARTS, run
from localstack.stack import ADVICE
from tooling.cli import run_cli

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m labs.bench")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="measure this part only; repeatable")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 21), metavar="1..20", help="default: 3")
    arguments = parser.parse_args()
    sys.exit(run_cli(lambda: run(arguments.part or (), arguments.rounds), ADVICE))
