"""GitHub's files as a rehearsal reads them: their jobs and steps, and a copy that `act` can run."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from labs.rehearsal.shortened import NOT_STARTED, reason_to_leave_out
from tooling.paths import ROOT

FOLDER: Final = ROOT / ".github"
# act knows neither paths from the root of the repository nor the queue of a concurrency group.
_ROOT_PATH = re.compile(r"(?m)^(\s*(?:- )?uses: )\$/")
_QUEUE = re.compile(r"(?m)^\s*queue: max\n")


class Step(NamedTuple):
    """A step of a job, by its file below .github without its ending; a step of our own action has no job."""

    file: str
    job: str
    label: str

    def __str__(self) -> str:
        return f"{self.file}{f', {self.job}' if self.job else ''}: {self.label}"


def for_act(text: str) -> str:
    """The text of a workflow as act understands it; everything else in it stays."""
    return _QUEUE.sub("", _ROOT_PATH.sub(r"\1./", text))


def copy_for_act(tree: Path) -> None:
    """Rewrite the workflows of a working tree for act."""
    for path in sorted((tree / ".github" / "workflows").glob("*.yml")):
        path.write_text(for_act(path.read_text()))


def _label(step: Mapping[str, Any]) -> str:
    if "run" in step:
        return " ".join(str(step["run"]).split())
    artifact = step.get("with", {}).get("name")
    return str(step["uses"]).partition("@")[0] + (f" ({artifact})" if artifact else "")


def _reason_to_leave_out(workflow: str, job: str, step: Mapping[str, Any]) -> str | None:
    if "run" in step:
        return reason_to_leave_out(workflow, job, step["run"].strip())
    name = step["uses"].partition("@")[0]
    # Our own action consists of steps, which are looked at one by one.
    return None if name.startswith("$/") else reason_to_leave_out(workflow, job, name.replace("/", " "))


class Workflows:
    """The workflows and our own actions in a folder such as .github."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self._actions: dict[str, list[dict[str, Any]]] = {}
        for path in sorted(folder.glob("workflows/*.yml")):
            for name, job in yaml.safe_load(path.read_text())["jobs"].items():
                self._jobs[path.stem, name] = job
        for path in sorted(folder.glob("actions/*/action.yml")):
            self._actions[path.parent.name] = yaml.safe_load(path.read_text())["runs"]["steps"]

    def _step_lists(self) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        for (workflow, name), job in self._jobs.items():
            yield workflow, name, job.get("steps", [])
        for action, steps in self._actions.items():
            yield f"actions/{action}", "", steps

    def steps(self) -> list[Step]:
        """All steps, of jobs and of our own actions."""
        return [Step(file, job, _label(step)) for file, job, steps in self._step_lists() for step in steps]

    def step(self, workflow: str, job: str, ids: Sequence[str]) -> Step | None:
        """The step that act names by the ids, or numbers, of a job's step and of steps inside it."""
        file, name, found = workflow, job, self._jobs.get((workflow, job), {}).get("steps", [])
        for depth, wanted in enumerate(ids):
            step = next((each for n, each in enumerate(found) if each.get("id", str(n)) == wanted), None)
            if step is None:
                return None
            own = re.fullmatch(r"[$.]/\.github/actions/([\w-]+)", step.get("uses", ""))
            if depth == len(ids) - 1:
                return Step(file, name, _label(step))
            if own is None:  # inside a stand-in
                return None
            file, name, found = f"actions/{own[1]}", "", self._actions[own[1]]
        return None

    def not_to_run(self) -> dict[Step, str]:
        """The steps that a rehearsal does not run, and why."""
        reasons = {
            Step(file, job, _label(step)): NOT_STARTED.get((file, job)) or _reason_to_leave_out(file, job, step)
            for file, job, steps in self._step_lists()
            for step in steps
        }
        return {step: reason for step, reason in reasons.items() if reason}

    def unaccounted(self, ran: Set[Step]) -> set[Step]:
        """The steps that neither ran nor are known not to run, and those that ran all the same."""
        left_out = {*self.not_to_run()}
        return ({*self.steps()} - ran - left_out) | (ran & left_out)

    def environment(self, workflow: str, job: str, inputs: Mapping[str, str], role: str = "") -> str:
        """The GitHub environment of a job, empty without one; of a matrix, that of the row with a role."""
        found = self._jobs[workflow, job]
        rows: list[dict[str, str]] = found.get("strategy", {}).get("matrix", {}).get("include", [])
        row = next((row for row in rows if row["role"] == role), {})
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        values |= {f"matrix.{name}": value for name, value in row.items()}
        return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda name: values.get(name[1], ""), found.get("environment", ""))

    def permissions(self, workflow: str, job: str) -> dict[str, str]:
        """What a job may do with its token."""
        return dict(self._jobs[workflow, job].get("permissions", {}))

    def actions(self) -> set[str]:
        """The actions of others that are used, with the commit that they are pinned to."""
        used = {step.get("uses", "") for _, _, steps in self._step_lists() for step in steps}
        return {each for each in used if "@" in each}

    def runners(self) -> set[str]:
        """The labels of the runners that jobs ask for."""
        return {job["runs-on"] for job in self._jobs.values() if "runs-on" in job}
