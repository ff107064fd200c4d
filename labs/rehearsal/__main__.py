"""`python -m labs.rehearsal`: the command line of the rehearsal."""

import sys

from labs.rehearsal.run import rehearse
from localstack.stack import ADVICE
from tooling.cli import run_cli

if __name__ == "__main__":
    sys.exit(run_cli(rehearse, ADVICE))
