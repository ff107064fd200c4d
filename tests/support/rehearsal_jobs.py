"""Jobs of workflows, as stand-ins of actions see them."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from labs.rehearsal import stand_ins
from labs.rehearsal.github import GitHub, Run
from labs.rehearsal.stand_ins import Job
from tests.support.our_files import IN_GIT
from tooling.paths import ROOT


class Jobs:
    """Makes jobs of a run, each in a workspace of its own."""

    def __init__(self, folder: Path, github: GitHub, engine: Mapping[str, str] | None = None) -> None:
        self.folder, self._github, self._engine = folder, github, engine or {}
        if not IN_GIT:
            pytest.skip("this tree is not a git repository, which a job would check out")
        self.commit = subprocess.check_output(["git", "-C", str(ROOT), "rev-parse", "HEAD"], text=True).strip()

    def job(self, run: Run, workflow: str, job: str) -> Job:
        """A job of a workflow."""
        settings, workspace = self.folder / "settings.json", self.folder / f"{workflow}-{job}"
        workspace.mkdir()
        content = {
            "tree": str(ROOT),
            "artifacts": str(self.folder / "artifacts"),
            "links": {".venv": str(ROOT / ".venv"), "build/none": str(self.folder / "none")},
            "github": self._github.url,
            "token": self._github.token,
            "engine": self._engine,
        }
        settings.write_text(json.dumps(content))
        return Job(
            {
                stand_ins.SETTINGS: str(settings),
                "GITHUB_WORKSPACE": str(workspace),
                "GITHUB_SHA": self.commit,
                "GITHUB_WORKFLOW": workflow,
                "GITHUB_JOB": job,
                "GITHUB_RUN_ID": str(run.number),
                "GITHUB_ENV": str(self.folder / "env"),
                "GITHUB_OUTPUT": str(self.folder / "output"),
            }
        )
