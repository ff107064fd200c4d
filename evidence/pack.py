"""The evidence pack: an HTML file for the approvers of a release, and its summary for the page of a workflow run."""

import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from evidence import page, stages
from evidence.stages import PackError
from release import deploy, pipeline
from release.environments import ENVIRONMENTS, EnvironmentName

_PLAN = "plan.json"


def render(stage: str, output: Path, planned: deploy.Planned | None = None) -> str:
    """Render the pack of a stage from its records, and from those of earlier stages that tested the same release.

    Args:
        stage: Stage that was tested last.
        output: File to write.
        planned: What the deployment that is to be approved would do.

    Returns:
        The file, whether all tests passed, and its size: a line to print.

    Raises:
        PackError: there are no records, or they hold personal data.
    """
    found = stages.of_release(stages.records_folder(), stage)
    html = page.draw(found, planned, datetime.now(UTC))
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_suffix(".partial")
    partial.write_text(html)
    partial.replace(output)
    result = "passed" if all(one.passed for one in found) else "NOT PASSED"
    return f"evidence {os.path.relpath(output)} ({result}, {len(html.encode()) / 1e6:.1f} MB)"


def render_for_approval(to: EnvironmentName, digest: str, var_files: list[Path]) -> str:
    """Render the pack that a promotion is approved by: what the release passed, and what deploying it would change.

    Changes nothing: it reads the release and its records where it passed, and plans without a lock.

    Args:
        to: Environment that the release is to be promoted to.
        digest: Digest of the release's manifest.
        var_files: Further variable files of Terraform, for a rehearsal.

    Raises:
        ManifestError: the release is not there whole.
        DeployError: Terraform failed.
        EvidenceError: nothing is promoted to this environment.
        PackError: the environment before has no records of this release.
    """
    before = pipeline.environment_before(to)
    source, base = pipeline.store(before), stages.records_folder()
    if before not in stages.fetch(source, digest, base):
        raise PackError(
            f"there are no records of {digest[:12]} in {source.bucket}: "
            f"`bin/release record --to {before}` writes them once it has passed in {before}"
        )
    folder = deploy.work_dir(to) / "look"
    source.download(digest, folder)
    planned = deploy.look(to, folder, var_files)
    (base / _PLAN).write_text(planned.json(indent=1))
    # The name of the file is also its name on the run's page.
    return render(before, stages.evidence_folder() / f"to-{to}.html", planned)


def _planned(base: Path, digest: str) -> deploy.Planned | None:
    """The plan that was kept with the records, if it is a plan of this release."""
    try:
        found = deploy.Planned.parse_raw((base / _PLAN).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise PackError(f"{base / _PLAN} cannot be read: {error}; remove it") from None
    return found if found.release == digest else None


def summary(stage: str, to: EnvironmentName | None, url: str) -> str:
    """A pack in a few lines of Markdown, with a link to the whole.

    Args:
        stage: Stage that was tested last.
        to: Environment that the release is to be approved for, if any.
        url: URL of the pack; empty if it was not uploaded.

    Raises:
        PackError: there are no records.
    """
    found = stages.of_release(stages.records_folder(), stage)
    last = found[-1]
    digest = last.release.digest() if last.release else ""
    subject = f"release `{digest[:12]}`" if digest else "a checkout"
    lines = [f"## Evidence: {subject}{f' to {to}' if to else ''}", ""]
    for one in found:
        passed = sum(test.outcome == "passed" for test in one.tests)
        why = f": {one.unfinished}" if one.unfinished else ""
        lines.append(f"- {'✅' if one.passed else '❌'} {one.name}: {passed} of {len(one.tests)} tests passed{why}")
    planned = _planned(stages.records_folder(), digest) if to else None
    if planned:
        counts = {kind: sum(change.action == kind for change in planned.changes) for kind in page.ACTIONS}
        lines.append(f"- In {to}: " + ", ".join(f"{count} to {kind}" for kind, count in counts.items()))
    lines += ["", f"**[What the customer will get, times, tests, promises, release and plan]({url})**" if url else ""]
    return "\n".join(lines) + "\n"


def write_summary(stage: str, to: EnvironmentName | None) -> str:
    """Append the summary to the page of the workflow run, if this is one; return it.

    GitHub Actions sets GITHUB_STEP_SUMMARY, and the workflow sets EVIDENCE_URL to the address of the uploaded pack.

    Args:
        stage: Stage that was tested last; with `to`, the environment before that counts instead.
        to: Environment that the release is to be approved for, if any.

    Raises:
        PackError: there are no records.
    """
    before = ENVIRONMENTS[to].before if to else None
    text = summary(before or stage, to, os.environ.get("EVIDENCE_URL", ""))
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a") as run_page:
            run_page.write(text)
    return text
