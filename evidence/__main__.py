"""`python -m evidence COMMAND`: the evidence pack as a file, and a few lines of it for a workflow's summary."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import boto3
from pydantic import ValidationError

from evidence import page, stages
from evidence.stages import PackError
from release import deploy
from release.environments import ENVIRONMENTS, EnvironmentName
from release.store import Store
from tooling.cli import ADVICE, run_cli

_PLAN = "plan.json"


def _planned(base: Path, digest: str) -> deploy.Planned | None:
    """The plan that was kept beside the records, if it is of this release."""
    try:
        found = deploy.Planned.parse_raw((base / _PLAN).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise PackError(f"{base / _PLAN} cannot be read: {error}; remove it") from None
    return found if found.release == digest else None


def draw(stage: str, output: Path, planned: deploy.Planned | None = None) -> None:
    """Draw the pack of a stage from its records, and those of the stages before it that tested the same release.

    Raises:
        PackError: there are no records, or the pack must not be drawn from them.
    """
    shown = stages.of_release(stages.records_folder(), stage)
    html = page.draw(shown, planned, datetime.now(UTC))
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_suffix(".partial")
    partial.write_text(html)
    partial.replace(output)
    said = "passed" if all(one.passed for one in shown) else "NOT PASSED"
    print(f"evidence {os.path.relpath(output)} ({said}, {len(html.encode()) / 1e6:.1f} MB)")


def approve(to: EnvironmentName, release: str, var_files: list[Path]) -> None:
    """Draw the pack that a promotion is approved by: what the release passed, and what it would do to an environment.

    Nothing is changed anywhere: it reads the release and its records where it passed, and plans without a lock.

    Raises:
        ManifestError: the release is not there whole.
        DeployError: Terraform failed.
        PackError: nothing is promoted there, or the environment before has no records of this release.
    """
    before = ENVIRONMENTS[to].before
    if before is None or to == "failover":
        raise PackError(f"nothing is promoted to {to}: TO is sit or prod")
    source, base = _store(before), stages.records_folder()
    if before not in stages.fetch(source, release, base):
        raise PackError(
            f"there are no records of {release[:12]} in {source.bucket}: "
            f"`make record TO={before}` puts them there when it has passed in {before}"
        )
    folder = deploy.work_dir(to) / "look"
    source.download(release, folder)
    planned = deploy.look(to, folder, var_files)
    (base / _PLAN).write_text(planned.json(indent=1))
    draw(before, _approval(to), planned)


def _store(environment: EnvironmentName) -> Store:
    place = ENVIRONMENTS[environment]
    return Store(boto3.client("s3", region_name=place.region), place.release_bucket)


def _approval(to: EnvironmentName) -> Path:
    # Of a name of its own, which is its name on the run's page too.
    return stages.evidence_folder() / f"to-{to}.html"


def summary(stage: str, to: EnvironmentName | None, url: str) -> str:
    """A pack in a few lines of Markdown, with a link to the whole.

    Args:
        stage: that was tested last.
        to: environment that the release is to be approved for, if it is.
        url: of the pack.

    Raises:
        PackError: there are no records.
    """
    shown = stages.of_release(stages.records_folder(), stage)
    last = shown[-1]
    digest = last.release.digest() if last.release else ""
    subject = f"release `{digest[:12]}`" if digest else "a checkout"
    lines = [f"## Recorder: {subject}{f' to {to}' if to else ''}", ""]
    for one in shown:
        passed = sum(test.outcome == "passed" for test in one.tests)
        why = f": {one.unfinished}" if one.unfinished else ""
        lines.append(f"- {'✅' if one.passed else '❌'} {one.name}: {passed} of {len(one.tests)} tests passed{why}")
    planned = _planned(stages.records_folder(), digest) if to else None
    if planned:
        counts = {kind: sum(change.action == kind for change in planned.changes) for kind in page.ACTIONS}
        lines.append(f"- In {to}: " + ", ".join(f"{count} to {kind}" for kind, count in counts.items()))
    lines += ["", f"**[What the customer will get, times, tests, promises, release and plan]({url})**" if url else ""]
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evidence", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="draw the pack of a stage from its records")
    drawing.add_argument("--stage", choices=stages.STAGES, default="local")
    approving = commands.add_parser("approve", help="draw the pack that a promotion is approved by")
    approving.add_argument("--to", choices=tuple(ENVIRONMENTS), required=True)
    approving.add_argument("--release", required=True, help="digest of its manifest")
    approving.add_argument("--var-file", type=Path, action="append", default=[], help="of Terraform, for a rehearsal")
    summing = commands.add_parser("summary", help="write a few lines on a pack to the summary of the workflow")
    summing.add_argument("--stage", choices=stages.STAGES, help="that was tested; or --to")
    summing.add_argument("--to", choices=tuple(ENVIRONMENTS), help="environment that is to be approved")
    return parser


def main() -> None:
    """Run a command."""
    arguments = _parser().parse_args()
    match arguments.command:
        case "draw":
            draw(arguments.stage, stages.evidence_folder() / "index.html")
        case "approve":
            approve(arguments.to, arguments.release, arguments.var_file)
        case "summary":
            before = ENVIRONMENTS[arguments.to].before if arguments.to else None
            text = summary(before or arguments.stage or "local", arguments.to, os.environ.get("EVIDENCE_URL", ""))
            target = os.environ.get("GITHUB_STEP_SUMMARY")
            if target:
                with Path(target).open("a") as page_of_the_run:
                    page_of_the_run.write(text)
            print(text, end="")


if __name__ == "__main__":
    sys.exit(run_cli(main, ADVICE))
