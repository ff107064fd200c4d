"""`python -m labs.chaos`: the command line of the fault runs."""

import argparse
import sys

from labs.chaos.run import ORDERS, run
from localstack.stack import ADVICE
from tooling.cli import run_cli

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m labs.chaos")
    parser.add_argument("--seed", type=int, action="append", default=[], help="only random faults of this seed")
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders in a burst, or under random faults")
    parser.add_argument("--load", action="store_true", help="only a burst and ten steady minutes, without faults")
    parser.add_argument("--short", action="store_true", help="only a few orders under random faults")
    options = parser.parse_args()
    sys.exit(
        run_cli(lambda: run(seeds=options.seed, orders=options.orders, load=options.load, short=options.short), ADVICE)
    )
