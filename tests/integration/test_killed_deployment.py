"""Deployments that are killed: `bin/release` with Terraform, of a release with one function.

What is killed, and what a runbook names, is a process; all other commands run in the process of the tests.

The deployment whose Terraform is killed starts the AWS provider as always; all other commands share one process of it.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import psutil
import pytest

from localstack import processes, terraform
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack
from release import deploy, history, manifest, promotion, traffic
from release.environments import ENVIRONMENTS
from release.manifest import Manifest
from release.store import Store
from release.traffic import Shares
from tests.support.lambda_functions import package
from tests.support.programs import run_here
from tests.support.releases import make_release
from tests.support.shared_provider import shared_provider
from tooling import documents
from tooling.paths import ROOT
from tooling.polling import poll

ACCOUNT, FUNCTION, TEMPLATE = "093646564004", "bbws-order-lambda-get-order-prod", "customer/order_confirmation.html"
PROD = ENVIRONMENTS["prod"]
_SECONDS = 300
# The command, in a folder of the test instead of this repository, whose changes need not be committed. It takes no
# provider from the shell, so that of the test has a variable of its own.
PROGRAM = """
import json
import os
import sys
from pathlib import Path
from cli import release
from release import deploy, manifest
from tooling.cli import ADVICE, run_cli
deploy.ROOT = Path(sys.argv.pop(1))
manifest.commit = lambda: None
def run():
    os.environ |= json.loads(os.environ["SHARED_PROVIDER"])
    release.app(prog_name="release")
sys.exit(run_cli(run, ADVICE))
"""
CODE = """
terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.100, < 7.0" }
  }
  backend "s3" {
    key          = "order-lambda/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

variable "packages_dir" {}
variable "templates_dir" {}
variable "architecture" {}

provider "aws" { s3_use_path_style = true }

module "function" {
  source               = "./modules/lambda"
  name                 = "bbws-order-lambda-get-order-prod"
  role_name            = "bbws-order-lambda-get-order-prod"
  package              = "${var.packages_dir}/get_order.zip"
  handler              = "function.handler"
  architecture         = var.architecture
  memory_mb            = 128
  timeout              = 10
  environment          = { TABLE = "orders" }
  statements           = []
  tracing              = false
  account_id           = "093646564004"
  region               = "af-south-1"
  permissions_boundary = null
}

resource "aws_s3_bucket" "templates" { bucket = "bbws-email-templates-prod" }

resource "aws_s3_object" "template" {
  bucket = aws_s3_bucket.templates.id
  key    = "customer/order_confirmation.html"
  source = "${var.templates_dir}/customer/order_confirmation.html"
  etag   = filemd5("${var.templates_dir}/customer/order_confirmation.html")
}

resource "aws_sns_topic" "alerts" { name = "bbws-alerts-prod" }

output "function_names" { value = { get_order = "bbws-order-lambda-get-order-prod" } }
output "alarm_names" { value = ["none"] }
output "templates_bucket" { value = aws_s3_bucket.templates.id }
output "alerts_topic_arn" { value = aws_sns_topic.alerts.arn }
"""


def _kill_tree(pid: int) -> None:
    """Kill a process and all that it has started, as the end of a runner does."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


class Prod:
    """The account of prod on an engine, and the releases that are promoted to it.

    Args:
        stack: Stack of the engine.
        folder: Folder of the test.
    """

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._provider: Mapping[str, str] = {}
        self._session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test")
        self.functions = self._session.client("lambda", endpoint_url=stack.endpoint)
        self.s3 = self._session.client("s3", endpoint_url=stack.endpoint)
        for bucket in (PROD.state_bucket, PROD.release_bucket):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
        self.store = Store(self.s3, PROD.release_bucket)
        self._code(folder / "terraform")

    def _code(self, folder: Path) -> None:
        real = terraform.TERRAFORM_DIR
        shutil.copytree(real / "modules" / "lambda", folder / "modules" / "lambda")
        (folder / "env").mkdir()
        for name in (".terraform.lock.hcl", "env/prod.backend.hcl"):
            shutil.copy(real / name, folder / name)
        (folder / "env" / "prod.tfvars").write_text("# Nothing: the code has no variables of its own.\n")
        (folder / "main.tf").write_text(CODE)

    def promoted(self, name: str) -> Manifest:
        """A release that is promoted to prod."""
        folder = self._folder / name
        self._code(folder / "terraform")
        source = f"def handler(event, context):\n    return '{name}'\n"
        make_release(folder, package=package(source), templates={TEMPLATE: name.encode()})
        release = self.store.upload(folder)
        promotion.record_promotion(self.store, release.digest(), "prod", {})
        return release

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment of the commands."""
        return {
            **terraform.environment(self._folder),
            **self._stack.aws_environment(),
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "TARGET": "prod",
            "COLUMNS": "200",
            "SHARED_PROVIDER": json.dumps(dict(self._provider)),
        }

    @contextmanager
    def sharing_provider(self, installed: Path) -> Iterator[None]:
        """Let all commands use one process of the provider, which `terraform init` put into a folder."""
        deployed, code = self._folder / "build" / "deploy" / "prod", self._folder / "shared" / "terraform"
        code.mkdir(parents=True)
        # Each deployment makes the folder of the release again, so the provider cannot be in it.
        for name in ("packages", "templates"):
            (code.parent / name).symlink_to(deployed / "release" / name)
        with shared_provider(installed, self.environment, code) as found:
            self._provider = found
            yield

    @contextmanager
    def own_provider(self) -> Iterator[None]:
        """Let each command of Terraform start and end the provider, as it does for people."""
        shared, self._provider = self._provider, {}
        yield
        self._provider = shared

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of `bin/release`."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self._folder), *arguments],
            cwd=ROOT,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a command of `bin/release` that ends with a status; return its output."""
        main, words = partial(exec, PROGRAM, {}), ("-c", str(self._folder), *arguments)
        # The program changes both.
        with patch.object(deploy, "ROOT"), patch.object(manifest, "commit"):
            found, output = run_here(main, words, self.environment)
        print(f"$ bin/release {' '.join(arguments)}\n{output}")
        assert found == status, output
        return output

    def kill(self, when: Callable[[], object], *arguments: str) -> None:
        """Start a command, and kill it and all that it has started as soon as something is true."""
        with self.start(*arguments) as process:
            try:
                poll("the time to kill", lambda: when() or process.poll() or None, _SECONDS, 0.05)
                assert process.poll() is None, "it ended before it could be killed"
            finally:
                _kill_tree(process.pid)
                print(f"$ bin/release {' '.join(arguments)}\n{process.communicate()[0]}Killed")

    def follow(self, page: str, heading: str, number: int = 0, **variables: str) -> str:
        """Run a block of a runbook, and return its output."""
        wanted = (page, heading, number)
        (block,) = [one for one in documents.runbook_blocks() if (one.page, one.heading, one.number) == wanted]
        assert block.killed
        done = subprocess.run(
            ["bash", "-euc", f'bin/release() {{ "$PYTHON" -c "$PROGRAM" "$FOLDER" "$@"; }}\n{block.text}'],
            cwd=ROOT,
            env={
                **self.environment,
                "PYTHON": sys.executable,
                "PROGRAM": PROGRAM,
                "FOLDER": str(self._folder),
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        print(f"$ {block.text}{done.stdout}")
        assert done.returncode == 0, done.stdout
        return done.stdout

    def template(self) -> bytes:
        """The template that the functions use."""
        content = Store(self.s3, "bbws-email-templates-prod").read(TEMPLATE)
        assert content
        return content

    def shares(self) -> dict[str, Shares]:
        """Who has the traffic, if it is not the first version alone."""
        return traffic.misplaced(self.functions, {FUNCTION: "1"})

    def lock(self) -> dict[str, Any]:
        """The lock of Terraform's state; empty if there is none."""
        found: dict[str, Any] = json.loads(Store(self.s3, PROD.state_bucket).read(f"{PROD.state_key}.tflock") or "{}")
        return found


@pytest.fixture(scope="module")
def prod(installed_provider: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prod]:
    """Prod with a first release, on an engine of its own: bucket names are unique in all of AWS."""
    ports = {"engine": processes.free_port()}
    stack, engine = Stack(tmp_path_factory.mktemp("engine"), ports=ports), MiniStack()
    try:
        engine.start(stack)
        made = Prod(stack, tmp_path_factory.mktemp("prod"))
        with made.sharing_provider(installed_provider):
            made.run("deploy", made.promoted("first").digest(), "--to", "prod")
            yield made
    finally:
        engine.stop(stack)


def test_canary_killed_is_reported_and_settled(prod: Prod) -> None:
    """A deployment that is killed in its canary shows as drift; the next deployment, or a person, settles it."""
    release = prod.promoted("second")
    deploy = ("deploy", release.digest(), "--to", "prod")
    prod.kill(prod.shares, *deploy)
    assert prod.shares() == {FUNCTION: Shares("1", {"2": 0.1})}
    left = f"{FUNCTION}: 10% version 2, 90% version 1 (a deployment is running, or died)\n"
    assert left in prod.run("drift", "--to", "prod", status=1)

    printed = prod.run(*deploy, "--seconds", "1", "--allow-quiet-canary")
    assert printed.startswith(f"settled  {FUNCTION}: from 10% version 2, 90% version 1 to version 1, which is live\n")
    assert "0 to add, 1 to change" in printed, "the template was that of the live release again"
    assert f"{FUNCTION}: version 1 to 2, 0 calls in the canary, none failed" in printed
    assert prod.run("drift", "--to", "prod") == f"prod is as release {release.digest()[:12]} made it\n"
    live = history.live(prod.store, "prod")
    assert live
    assert (live.versions, live.canary_calls, live.quiet_canary) == ({FUNCTION: "2"}, {FUNCTION: 0}, True)
    assert prod.run("history", "--to", "prod").splitlines()[0].endswith(f"{release.digest()} (with a quiet canary)")

    # As if another deployment had died a little later.
    traffic.set_alias(prod.functions, FUNCTION, "1")
    Store(prod.s3, "bbws-email-templates-prod").put_template(TEMPLATE, b"third")
    printed = prod.follow("deployment", "A deployment died in the canary")
    assert printed == f"settled  {FUNCTION}: from 100% version 1 to version 2, which is live\n"
    assert prod.shares() == {FUNCTION: Shares("2", {})}
    assert prod.template() == b"second"
    assert prod.run("settle", "--to", "prod") == "all traffic of prod goes to its live release\n"


def test_terraform_killed_leaves_a_lock_that_is_released(prod: Prod) -> None:
    """A deployment that is killed while Terraform applies leaves the lock; the runbook's command releases it."""
    third = prod.promoted("third").digest()
    deploy = ("deploy", third, "--to", "prod", "--seconds", "1", "--allow-quiet-canary")
    with prod.own_provider():
        prod.kill(lambda: prod.lock().get("Operation") == "OperationTypeApply", *deploy)
    lock = prod.lock()["ID"]
    refused = prod.run(*deploy, status=1)
    assert "Error acquiring the state lock" in refused
    assert f"If none is running: `bin/release unlock {lock} --to prod`" in refused
    assert prod.lock()["ID"] == lock
    assert "successfully unlocked" in prod.follow("deployment", "Terraform was killed", LOCK=lock)
    assert prod.lock() == {}
    assert f"{FUNCTION}: version " in prod.run(*deploy)
    assert prod.template() == b"third"
