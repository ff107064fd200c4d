"""GitHub in a rehearsal: runs the workflows of a commit, with reviewers, and knows which of their steps ran."""

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from rich.markup import escape

from labs.rehearsal import stand_ins, workflows
from labs.rehearsal.accounts import Accounts
from labs.rehearsal.act import Act, Outcome
from labs.rehearsal.github import REPOSITORY, GitHub, Run
from labs.rehearsal.shortened import FEWER_TESTS
from labs.rehearsal.workflows import Step, Workflows
from localstack.stack import StackError
from localstack.up import console
from tooling import docker
from tooling.paths import ROOT

CANARY_SECONDS: Final = 120
# What a checkout links, since it is expensive to make.
LINKS: Final = {
    name: str(ROOT / name) for name in (".venv", "build/engine-venv", "build/checkov-venv", "build/libraries")
}


def options(accounts: Accounts) -> dict[str, str]:
    """Environment variables that make `bin/release` work with emulated accounts of this machine."""
    return {
        "REHEARSAL_VAR_FILE": str(accounts.var_file()),
        "REHEARSAL_CANARY_SECONDS": str(CANARY_SECONDS),
        "REHEARSAL_ARCHITECTURE": docker.architecture(),
        **({} if docker.can_build() else {"REHEARSAL_HOST_PANGO": "1"}),
    }


class Pipelines:
    """Runs workflows, in a folder with a working tree, the jobs' workspaces, artifacts and logs."""

    def __init__(self, folder: Path, logs: Path, accounts: Accounts, cart_url: str) -> None:
        self._artifacts, self._logs = folder / "artifacts", logs
        self._workflows, self._ran = Workflows(), set[Step]()
        self._github = GitHub(self._workflows, accounts.token)
        tree = folder / "tree"
        _clone(tree)
        settings = folder / "settings.json"
        content = {
            "tree": str(tree),
            "artifacts": str(self._artifacts),
            "links": LINKS,
            "github": self._github.url,
            "token": self._github.token,
            "engine": accounts.engine(),
            "zones": accounts.zones,
        }
        settings.touch(mode=0o600)
        settings.write_text(json.dumps(content))
        variables = {
            "GITHUB_API_URL": self._github.url,
            "REHEARSAL_ROOT": str(ROOT),
            "REHEARSAL_PYTHON": sys.executable,
            stand_ins.SETTINGS: str(settings),
            # act gives steps a terminal; GitHub's have none.
            "TERM": "dumb",
            "NO_COLOR": "1",
            **options(accounts),
        }
        self._act = Act(self._workflows, tree, folder / "runner", variables, str(self._github.token), cart_url)

    def serving(self) -> AbstractContextManager[None]:
        """Serve GitHub's API until the end of the block."""
        return self._github.serving()

    def _run(self, workflow: str, reviewers: Mapping[str, str], inputs: Mapping[str, str]) -> tuple[Run, Outcome]:
        run = self._github.start(workflow, inputs, reviewers)
        event = "push" if workflow == "deploy-dev" else "workflow_dispatch"
        log = self._logs / f"workflow-{run.number:02}-{workflow}.log"
        outcome = self._act.run(workflow, event, run.number, inputs, log)
        self._ran |= outcome.ran
        return run, outcome

    def run(self, workflow: str, reviewers: Mapping[str, str] | None = None, **inputs: str) -> tuple[Run, Outcome]:
        """Run a workflow; StackError if it fails."""
        run, outcome = self._run(workflow, reviewers or {}, inputs)
        return run, outcome.checked()

    def refused(self, workflow: str, step: str, text: str, reviewers: Mapping[str, str], **inputs: str) -> None:
        """Run a workflow of which a step must be the first to fail, with a text; StackError if it does not."""
        _, outcome = self._run(workflow, reviewers, inputs)
        failed = [each.step.label for each in outcome.ended if each.result == "failure"]
        # Steps that run after a failure, such as the summary of tests, may fail too.
        if failed[:1] != [step] or text not in outcome.output:
            raise StackError(f"{workflow}: {step!r} did not fail with {text!r}; failed: {failed}")
        line = next(line for line in outcome.output.splitlines() if text in line)
        console.print(f"[green]✓[/] {workflow}: refused\n  [dim]{escape(line)}[/]", soft_wrap=True)

    def artifact(self, run: Run, name: str) -> Path:
        """The folder of an artifact of a run."""
        return self._artifacts / str(run.number) / name

    def variables(self, workflow: str, **inputs: str) -> dict[str, str]:
        """Environment variables of a command in a run that nobody has approved."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self._github.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": str(self._github.start(workflow, inputs, {}).number),
            "GITHUB_TOKEN": str(self._github.token),
        }

    def report(self) -> None:
        """Print which steps ran, with fewer tests or not at all; StackError if one is neither run nor listed."""
        steps = {*self._workflows.steps()}
        console.print(f"workflow steps: {len(steps)}, of which {len(steps & self._ran)} ran")
        for step, reason in self._workflows.not_to_run().items():
            console.print(
                f"[yellow]-[/] not run: {escape(str(step))} [dim]({reason})[/]", soft_wrap=True, highlight=False
            )
        for (workflow, job), arguments in FEWER_TESTS.items():
            console.print(f"[yellow]-[/] fewer tests: {workflow}, {job} [dim]({escape(arguments)})[/]", soft_wrap=True)
        if wrong := self._workflows.unaccounted(self._ran):
            raise StackError(f"steps that did not run and are not listed, or the reverse: {'; '.join(map(str, wrong))}")


def _clone(tree: Path) -> None:
    """Clone this repository as GitHub has it after the push, with workflows that act understands."""
    stand_ins.git("clone", "--quiet", "--shared", str(ROOT), str(tree))
    stand_ins.git("-C", str(tree), "checkout", "--quiet", "-B", "main")
    stand_ins.git("-C", str(tree), "remote", "set-url", "origin", f"https://github.com/{REPOSITORY}.git")
    workflows.copy_for_act(tree)
