"""Terraform against the local engine: the environment is all that differs from AWS."""

import glob
import hashlib
import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localstack.aws import Aws
from localstack.stack import REGION, Stack, StackError
from release import terraform_state
from tooling import commands
from tooling.commands import CommandError
from tooling.paths import ROOT

TERRAFORM_DIR = ROOT / "terraform"
_STATE_BUCKET = "bbws-terraform-state-local"
_STATE_KEY = "order-lambda/terraform.tfstate"
_LOCK_TABLE = "terraform-locks-local"
_DEADLINE_SECONDS = 600
# Below TERRAFORM_DIR, and nothing to an apply.
_NOT_APPLIED = ("bootstrap", "tests", ".terraform")
# Where Terraform itself looks, and where machines without a registry keep a copy.
_MIRRORS = ("~/.terraform.d/plugins", "~/.local/share/terraform/plugins", "/usr/*/terraform/plugins", "/opt/*")


def _mirror() -> Path | None:
    """A folder with the AWS provider: the one named by TF_PLUGIN_MIRROR, or one where Terraform would look."""
    given = os.environ.get("TF_PLUGIN_MIRROR")
    for pattern in [given] if given else _MIRRORS:
        for folder in sorted(glob.glob(os.path.expanduser(pattern))):
            if Path(folder, "registry.terraform.io", "hashicorp", "aws").is_dir():
                return Path(folder)
    return None


def cli_config() -> str:
    """Terraform's CLI configuration: providers from a mirror where there is one, else from the registry."""
    mirror = _mirror()
    method = f'filesystem_mirror {{\n    path = "{mirror}"\n  }}' if mirror else "direct {}"
    return f"provider_installation {{\n  {method}\n}}\n"


def cli_environment(directory: Path) -> dict[str, str]:
    """Environment variables that tell Terraform where providers come from; the configuration goes into a folder."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "terraform.rc"
    config.write_text(cli_config())
    return {"TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


def environment(directory: Path) -> dict[str, str]:
    """Environment variables for Terraform, its files kept in a folder of ours."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **cli_environment(directory),
        "TF_DATA_DIR": str(directory / "terraform"),
    }


class LocalTerraform:
    """Runs Terraform for a local stack.

    Args:
        stack: the stack; its engine must answer.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._code = Path(stack.release, "terraform") if stack.release else TERRAFORM_DIR
        self._environment = environment(stack.directory) | stack.aws_environment()
        self._variables = [
            "-var-file=env/local.tfvars",
            f"-var=cart_api_url={stack.functions_cart_url}",
            *(("-var=authorizer=issuer",) if stack.issuer_url else ()),
            *(("-var=packages_dir=../packages", "-var=templates_dir=../templates") if stack.release else ()),
        ]

    def run(self, *arguments: str, log: str | None = None) -> str:
        """Run a Terraform command and return what it printed.

        Args:
            arguments: of Terraform.
            log: name of a file for what it prints.

        Raises:
            StackError: it failed or took too long; the text ends with what it printed last, and what to do.
        """
        try:
            return commands.run(
                f"terraform {arguments[0]}",
                ["terraform", f"-chdir={self._code}", *arguments],
                _DEADLINE_SECONDS,
                self._environment,
                log=self._stack.logs_dir / log if log else None,
            ).checked()
        except CommandError as error:
            raise StackError(
                f"{error}\nIf it is not the configuration, begin anew: `make down`, then `make up`."
            ) from None

    def prepare_backend(self) -> None:
        """Make the state bucket and lock table in the engine, as bootstrap does in an account; safe to repeat."""
        aws = Aws(self._stack.endpoint)
        s3, dynamodb = aws.s3, aws.dynamodb
        try:
            s3.create_bucket(Bucket=_STATE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise
        with suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(
                TableName=_LOCK_TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
            )

    def init(self) -> None:
        """Initialise the working folder against the state in the engine."""
        self.run(
            "init",
            "-reconfigure",
            "-lockfile=readonly",
            "-backend-config=env/local.backend.hcl",
            log="terraform-init.log",
        )

    def apply(self) -> dict[str, Any]:
        """Apply, and return the outputs."""
        # One stack has one `make up` at a time by a lock of its own, which is free when an apply was cut off.
        arguments = ("-auto-approve", "-no-color", "-parallelism=40", "-lock=false", *self._variables)
        self.run("apply", *arguments, log="terraform-apply.log")
        # Read, and not asked for with `terraform output`, which takes a second.
        return terraform_state.outputs(Aws(self._stack.endpoint).s3, _STATE_BUCKET, _STATE_KEY)

    def inputs(self) -> str:
        """Digest of what an apply depends on, but for what packages and templates hold."""
        templates = self._code.parent / "templates"
        names = [str(path.relative_to(templates)) for path in sorted(templates.rglob("*")) if path.is_file()]
        shell = {name: value for name, value in os.environ.items() if name.startswith(("TF_VAR_", "TF_CLI_ARGS"))}
        digest = hashlib.sha256(json.dumps([self._variables, names, sorted(shell.items())]).encode())
        for path in sorted(self._code.rglob("*")):
            inside = path.relative_to(self._code)
            if path.is_file() and inside.parts[0] not in _NOT_APPLIED:
                digest.update(f"{inside} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    def changes(self) -> list[dict[str, Any]]:
        """What a plan would change, in the form of `terraform show -json`."""
        plan = str(self._stack.directory / "second.tfplan")
        self.run("plan", "-no-color", "-parallelism=40", "-lock=false", f"-out={plan}", *self._variables)
        found: list[dict[str, Any]] = json.loads(self.run("show", "-json", plan)).get("resource_changes", [])
        return [change for change in found if change["change"]["actions"] not in (["no-op"], ["read"])]

    def passthrough(self, arguments: list[str]) -> int:
        """Run any Terraform command on this terminal, with the local variables where the command takes them."""
        takes_variables = arguments[:1] in (["plan"], ["apply"], ["destroy"], ["import"], ["refresh"], ["console"])
        command = [
            "terraform",
            f"-chdir={self._code}",
            arguments[0],
            *(self._variables if takes_variables else []),
            *arguments[1:],
        ]
        return subprocess.run(command, env=self._environment, check=False).returncode
