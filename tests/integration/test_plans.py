"""The plans of dev, sit, prod and the fail-over, each in its own account of an engine."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localstack import snapshots, terraform
from localstack.stack import Stack
from release.environments import ENVIRONMENTS, EnvironmentName
from release.packaging.build import function_names
from tests.support.kept import kept, program
from tests.support.shared_provider import shared_provider
from tooling.paths import ROOT

ACCOUNTS = {"dev": "536580886816", "sit": "815856636111", "prod": "093646564004", "failover": "093646564004"}
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


@pytest.fixture(scope="module")
def plans(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plans against the engine, what a plan in another account prints, and the graph of prod."""

    def make(folder: Path) -> None:
        plans = Plans(request.getfixturevalue("stack"), tmp_path_factory.mktemp("plans"))
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
    """All resources of a module and of its child modules."""
    inner = [found for child in module.get("child_modules", []) for found in resources(child)]
    return [*module.get("resources", []), *inner]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_plan_has_all_resources_in_own_account(plans: Path, name: EnvironmentName) -> None:
    """An environment is planned whole, in its own account."""
    text = (plans / f"{name}.json").read_text()
    found = resources(json.loads(text))
    assert set(re.findall(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):", text)) == {ACCOUNTS[name]}
    environment = "prod" if name == "failover" else name
    functions = [of["values"]["function_name"] for of in found if of["type"] == "aws_lambda_function"]
    assert len(functions) == len(function_names()) == 8
    assert all(function.endswith(f"-{environment}") for function in functions)
    # The home region makes the fail-over's replicas of the orders table and of the buckets.
    tables = [of["values"]["name"] for of in found if of["type"] == "aws_dynamodb_table"]
    assert len(tables) == (1 if name == "failover" else 2)
    buckets = {of["values"]["bucket"] for of in found if of["type"] == "aws_s3_bucket"}
    assert len(buckets) == {"dev": 2, "sit": 2, "prod": 4, "failover": 0}[name]
    assert [of for of in found if of["type"] == "aws_cognito_user_pool"]


def test_plan_with_other_credentials_is_refused(plans: Path) -> None:
    """An environment is not planned with the credentials of another account."""
    status, printed = json.loads((plans / "refused.json").read_text())
    assert status != 0
    assert "AWS account ID not allowed: 815856636111" in printed


def dependencies(graph: str, of: str) -> set[str]:
    """Everything that a resource waits for, by the text of `terraform graph`."""
    edges = re.findall(r'"(?:\[root\] )?([^"]+)" -> "(?:\[root\] )?([^"]+)"', graph)
    found, new = set[str](), {of}
    while new:
        new = {target for source, target in edges if source in new} - found
        found |= new
    return found


@pytest.mark.parametrize("bucket", ["orders_bucket", "templates_bucket"])
def test_objects_wait_for_replication(plans: Path, bucket: str) -> None:
    """No object is written before its rule of replication exists, and no rule before S3 may replicate.

    S3 does not replicate objects that are older than the rule. Source: Amazon S3 User Guide, "What does Amazon S3
    replicate?" and "Replicating existing objects".
    """
    graph = (plans / "graph").read_text()
    objects, rule, policy = (
        f"module.{bucket}.{name}"
        for name in (
            "aws_s3_object.this",
            "aws_s3_bucket_replication_configuration.this",
            "aws_iam_role_policy.replication",
        )
    )
    assert {rule, policy} <= dependencies(graph, objects)
    assert policy in dependencies(graph, rule)
