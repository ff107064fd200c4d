"""The plans of dev, sit, prod and the fail-over, each in its own account of an engine, kept for the next run."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labs.rehearsal.accounts import ACCOUNTS
from localstack import snapshots, terraform
from localstack.stack import Stack
from release.environments import ENVIRONMENTS, EnvironmentName
from release.packaging.build import function_names
from tests.support.kept import kept, program
from tests.support.shared_provider import shared_provider
from tooling.paths import ROOT

_PLAN_SECONDS = 600


class Plans:
    """Plans of environments, made in one working folder.

    Args:
        stack: Stack of the engine.
        folder: Working folder.
    """

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._folder, self._code = stack, folder, folder / "code"
        ignored = shutil.ignore_patterns(".terraform", "bootstrap", "tests")
        shutil.copytree(terraform.TERRAFORM_DIR, self._code, ignore=ignored)
        # Nothing is applied, so no state is kept.
        (self._code / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        for function in function_names():
            (folder / f"{function}.zip").write_bytes(b"")
        self._provider: Mapping[str, str] = {}
        self.run("000000000000", "init", "-lockfile=readonly")

    @contextmanager
    def sharing_provider(self) -> Iterator[None]:
        """Let commands that only read the provider's schema use one process of it; plans have an account each."""
        with shared_provider(Path(terraform.environment(self._folder)["TF_DATA_DIR"])) as self._provider:
            yield

    def read(self, *arguments: str) -> str:
        """What Terraform prints about a plan or the code."""
        done = self.run("000000000000", *arguments, **self._provider)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, account: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Terraform with the credentials of an account, and with more environment variables."""
        own = self._stack.aws_environment() | {"AWS_ACCESS_KEY_ID": account}
        variables = terraform.environment(self._folder) | own | variables
        return subprocess.run(
            ["terraform", f"-chdir={self._code}", *arguments],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PLAN_SECONDS,
        )

    def plan(self, name: EnvironmentName, account: str) -> subprocess.CompletedProcess[str]:
        """Plan an environment with the credentials of an account."""
        files = [f"-var-file=env/{file}" for file in ENVIRONMENTS[name].var_files]
        packages = (f"-var=packages_dir={self._folder}", f"-var=templates_dir={ROOT / 'templates'}")
        return self.run(account, "plan", "-no-color", f"-out={self._folder / name}", *files, *packages)

    def planned(self, name: EnvironmentName) -> str:
        """The resources that the plan of an environment would make, as JSON."""
        assert (done := self.plan(name, ACCOUNTS[name])).returncode == 0, done.stdout + done.stderr
        content = json.loads(self.read("show", "-json", str(self._folder / name)))
        return json.dumps(content["planned_values"]["root_module"])


def made(stack: Callable[[], Stack], working: Callable[[], Path]) -> Path:
    """A folder with the plans against an engine, what a plan in another account prints, and the graph of prod.

    Args:
        stack: Starts the engine, if plans are to be made.
        working: Makes the working folder then.
    """

    def make(folder: Path) -> None:
        plans = Plans(stack(), working())
        with plans.sharing_provider():
            for name in ENVIRONMENTS:
                (folder / f"{name}.json").write_text(plans.planned(name))
            (folder / "graph").write_text(plans.read("graph"))
        refused = plans.plan("dev", ACCOUNTS["sit"])
        (folder / "refused.json").write_text(json.dumps([refused.returncode, refused.stderr]))

    code = [path for path in terraform.TERRAFORM_DIR.iterdir() if path.name not in (".terraform", "bootstrap", "tests")]
    around = [ROOT / "templates", ROOT / "release" / "environments.py", Path(__file__)]
    return kept("plans", [*program("terraform"), *code, *snapshots.engine_files(), *around], make)


def resources(module: dict[str, Any]) -> list[dict[str, Any]]:
    """All resources of a planned module and of its child modules."""
    inner = [found for child in module.get("child_modules", []) for found in resources(child)]
    return [*module.get("resources", []), *inner]
