"""`python -m labs.load`: the command line of the load test."""

import argparse
import sys

from labs.load.run import RATES, parse_rates, run
from localstack.stack import ADVICE
from tooling.cli import run_cli

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m labs.load")
    parser.add_argument("--target", default="local", help="local, dev or sit")
    parser.add_argument("--rates", default=",".join(f"{rate:g}" for rate in RATES), help="requests a second, rising")
    parser.add_argument("--seconds", type=int, default=20, help="seconds that each rate is measured")
    parser.add_argument("--gate", type=float, help="one of the rates: the last one, and it must hold")
    parser.add_argument("--customers", type=int, default=5, choices=range(1, 51), metavar="1..50")
    options = parser.parse_args()
    sys.exit(
        run_cli(
            lambda: run(options.target, parse_rates(options.rates), options.seconds, options.gate, options.customers),
            ADVICE,
        )
    )
