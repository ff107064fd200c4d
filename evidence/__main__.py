"""`python -m evidence COMMAND`: the evidence pack as a file, and a few lines of it for a workflow's summary."""

import argparse
import os
import sys
from pathlib import Path

from evidence import pack, stages
from release.environments import ENVIRONMENTS
from tooling.cli import ADVICE, run_cli


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evidence", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="write the pack of a stage from its records")
    drawing.add_argument("--stage", choices=stages.STAGES, default="local")
    approving = commands.add_parser("approve", help="write the pack that a promotion is approved by")
    approving.add_argument("--to", choices=tuple(ENVIRONMENTS), required=True)
    approving.add_argument("--release", required=True, help="digest of its manifest")
    approving.add_argument(
        "--var-file", type=Path, action="append", default=[], help="Terraform variables, for a rehearsal"
    )
    summing = commands.add_parser("summary", help="add a short summary of a pack to the page of the workflow run")
    summing.add_argument("--stage", choices=stages.STAGES, help="stage that was tested, unless --to is given")
    summing.add_argument("--to", choices=tuple(ENVIRONMENTS), help="environment that waits for approval")
    return parser


def main() -> None:
    """Run a command."""
    arguments = _parser().parse_args()
    match arguments.command:
        case "draw":
            pack.write(arguments.stage, stages.evidence_folder() / "index.html")
        case "approve":
            pack.write_for_approval(arguments.to, arguments.release, arguments.var_file)
        case "summary":
            before = ENVIRONMENTS[arguments.to].before if arguments.to else None
            text = pack.summary(before or arguments.stage or "local", arguments.to, os.environ.get("EVIDENCE_URL", ""))
            target = os.environ.get("GITHUB_STEP_SUMMARY")
            if target:
                with Path(target).open("a") as page_of_the_run:
                    page_of_the_run.write(text)
            print(text, end="")


if __name__ == "__main__":
    sys.exit(run_cli(main, ADVICE))
