"""Writes the evidence pack of a stage or of an approval to a file, and summarises it in a few lines of Markdown."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from evidence import page, stages
from evidence.stages import PackError, Stage
from release import deploy, pipeline
from release.deploy import Planned
from release.environments import ENVIRONMENTS, EnvironmentName
from tooling.files import write_whole


def write(stage: str, output: Path, planned: Planned | None = None) -> None:
    """Write the pack of a stage and of those before it that tested the release; PackError if there are no records."""
    shown = stages.of_release(stages.records_folder(), stage)
    html = page.render(shown, planned, datetime.now(UTC))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, html)
    print(f"evidence {os.path.relpath(output)} ({verdict(shown)}, {len(html.encode()) / 1e6:.1f} MB)")


def verdict(shown: Sequence[Stage]) -> str:
    """Whether every stage passed, and which tests were chosen where it was not all of them."""
    passed = "passed" if all(each.passed for each in shown) else "NOT PASSED"
    return ", ".join([passed, *(each.partial for each in shown if each.partial)])


def write_for_approval(to: EnvironmentName, release: str, var_files: list[Path]) -> None:
    """Write the pack that approvers read before a promotion: what the release passed, and what it would change.

    Reads the release and its records from the environment before, and plans without a lock. Changes nothing.
    Raises a UserError if the release is incomplete or has no records, or if Terraform fails.
    """
    before = pipeline.environment_before(to)
    store, records = pipeline.store(before), stages.records_folder()
    if before not in stages.fetch(store, release, records):
        raise PackError(
            f"there are no records of {release[:12]} in {store.bucket}: "
            f"`bin/release record --to {before}` puts them there after the release has passed in {before}"
        )
    folder = deploy.work_dir(to) / "preview"
    store.download(release, folder)
    planned = deploy.preview(to, folder, var_files)
    _plan_file().write_text(planned.json(indent=1))
    # The file's name is also its name on the page of the workflow run.
    write(before, stages.evidence_folder() / f"to-{to}.html", planned)


def summary(stage: str, to: EnvironmentName | None, url: str) -> str:
    """Summarise the pack of a stage, for the approval of an environment if there is one, with a link to it."""
    shown = stages.of_release(stages.records_folder(), stage)
    digest = shown[-1].digest
    subject = f"release `{digest[:12]}`" if digest else "a working tree"
    lines = [f"## Evidence: {subject}{f' to {to}' if to else ''}", ""]
    for each in shown:
        why = f": {each.unfinished}" if each.unfinished else ""
        mark = "❌" if not each.passed else "⚠️" if each.partial else "✅"
        some = f"; not all tests were run ({each.partial})" if each.partial else ""
        lines.append(f"- {mark} {each.name}: {each.passed_count} of {len(each.tests)} tests passed{why}{some}")
    planned = _saved_plan(digest) if to else None
    if planned:
        counts = {action: sum(change.action == action for change in planned.changes) for action in page.ACTIONS}
        lines.append(f"- In {to}: " + ", ".join(f"{count} to {action}" for action, count in counts.items()))
    lines += ["", f"**[What the customer will get, times, tests, promises, release and plan]({url})**" if url else ""]
    return "\n".join(lines) + "\n"


def write_summary(stage: str, to: EnvironmentName | None) -> str:
    """Append the summary to the page of the workflow run, if there is one; return it.

    GitHub Actions sets GITHUB_STEP_SUMMARY; the workflow sets EVIDENCE_URL to the address of the uploaded pack.
    """
    # What is approved for an environment has passed the one before.
    before = ENVIRONMENTS[to].before if to else None
    text = summary(before or stage, to, os.environ.get("EVIDENCE_URL", ""))
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a") as run_page:
            run_page.write(text)
    return text


def _plan_file() -> Path:
    return stages.records_folder() / "plan.json"


def _saved_plan(digest: str) -> Planned | None:
    """The saved plan, if it is of this release."""
    try:
        found = Planned.parse_raw(_plan_file().read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise PackError(f"{_plan_file()} cannot be read: {error}; remove it") from None
    return found if found.release == digest else None
