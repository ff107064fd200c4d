"""Terraform on a local stack; only its environment variables differ from those for AWS."""

import glob
import hashlib
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from localstack import packages
from localstack.aws import Aws
from localstack.stack import DOCKER_HOST_NAME, NO_AWS_FILES, REGION, Applied, Stack, StackError
from release.environments import terraform_outputs
from tooling import commands
from tooling.commands import CommandError
from tooling.files import digests, write_whole
from tooling.paths import ROOT

TERRAFORM_DIR = ROOT / "terraform"
_STATE_BUCKET = "bbws-terraform-state-local"
_STATE_KEY = "order-lambda/terraform.tfstate"
_DEADLINE_SECONDS = 600
# Folders of TERRAFORM_DIR that an apply does not read.
_NOT_APPLIED = ("bootstrap", "tests", ".terraform")
_INIT = ("-reconfigure", "-lockfile=readonly", "-backend-config=env/local.backend.hcl")
# Commands that take variables.
_WITH_VARIABLES = ("plan", "apply", "destroy", "import", "refresh", "console")
_WORKSPACE = {"TF_WORKSPACE": "default"}
# Folders that Terraform searches itself, and where machines without a registry keep a copy.
_MIRRORS = ("~/.terraform.d/plugins", "~/.local/share/terraform/plugins", "/usr/*/terraform/plugins", "/opt/*")


def _mirror() -> Path | None:
    """Find a folder with the AWS provider: the one named by TF_PLUGIN_MIRROR, or one that Terraform would search."""
    given = os.environ.get("TF_PLUGIN_MIRROR")
    for pattern in [given] if given else _MIRRORS:
        for folder in sorted(glob.glob(os.path.expanduser(pattern))):
            if Path(folder, "registry.terraform.io", "hashicorp", "aws").is_dir():
                return Path(folder)
    return None


def cli_config(mirror: Path | None = None) -> str:
    """Terraform's CLI configuration: providers from a mirror, the machine's if none is given, else the registry."""
    mirror = mirror or _mirror()
    # In quotes as in JSON: a folder may have quotes and backslashes in its name.
    path = json.dumps(str(mirror), ensure_ascii=False)
    method = f"filesystem_mirror {{\n    path = {path}\n  }}" if mirror else "direct {}"
    return f"provider_installation {{\n  {method}\n}}\n"


def cli_environment(directory: Path, mirror: Path | None = None) -> dict[str, str]:
    """Write Terraform's CLI configuration into a folder, and return the environment variables that name it.

    Args:
        directory: The folder.
        mirror: Where providers come from; None for the machine's mirror, or the registry if it has none.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "terraform.rc"
    # Commands that run at the same time share the folder.
    write_whole(config, cli_config(mirror))
    return {"TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


def environment(directory: Path) -> dict[str, str]:
    """Environment variables for Terraform: without the shell's own for AWS and Terraform, and without files of AWS."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))},
        **NO_AWS_FILES,
        **cli_environment(directory),
        "TF_DATA_DIR": str(directory / "terraform"),
        # Not one that was chosen by hand, which is kept in that folder and has a state of its own.
        **_WORKSPACE,
    }


class LocalTerraform:
    """Runs Terraform for a local stack, whose engine must respond."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._code = Path(stack.release, "terraform") if stack.release else TERRAFORM_DIR
        self._environment = environment(stack.directory) | stack.aws_environment()
        cart_url = stack.proxy_url or stack.cart_url
        if packages.in_containers(stack):
            cart_url = cart_url.replace("127.0.0.1", DOCKER_HOST_NAME)
        self._variables = [
            "-var-file=env/local.tfvars",
            f"-var=cart_api_url={cart_url}",
            *(("-var=authorizer=issuer",) if stack.issuer_url else ()),
            # Another host name than the API's, as in AWS: a browser that is redirected must not send the token along.
            f"-var=invoice_endpoint_url={stack.endpoint.replace('127.0.0.1', 'localhost')}",
            *packages.variables(stack),
        ]

    def run(self, *arguments: str, log: str | None = None) -> str:
        """Run a Terraform command and return its output, also in a log file; StackError with its end if it failed."""
        self._require_no_override()
        try:
            command = ["terraform", f"-chdir={self._code}", *arguments]
            file = self._stack.logs_dir / log if log else None
            name = f"terraform {arguments[0]}"
            return commands.run(name, command, _DEADLINE_SECONDS, self._environment, log=file).checked()
        except CommandError as error:
            advice = "If the configuration is right, start from scratch: `make down`, then `make up`."
            raise StackError(f"{error}\n{advice}") from None

    def _require_no_override(self) -> None:
        """Refuse a configuration that tflocal is pointing at an engine, or did until it was killed."""
        found = [str(path) for path in self._code.glob("*_override.tf")]
        if found:
            raise StackError(
                f"{', '.join(found)} would lead Terraform elsewhere: if no tflocal runs, delete it, and try again"
            )

    def prepare_backend(self) -> None:
        """Create the state bucket in the engine, as bootstrap does in an account; safe to repeat."""
        s3 = Aws(self._stack.endpoint).s3
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=_STATE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def init(self) -> None:
        """Initialise Terraform's folder for the state in the engine."""
        self.run("init", *_INIT, log="terraform-init.log")

    def _require_init(self) -> None:
        """Initialise where no `make up` has, since it used a snapshot."""
        if not Path(self._environment["TF_DATA_DIR"]).is_dir():
            self.init()

    def apply(self) -> dict[str, Any]:
        """Apply, and return the outputs."""
        # No lock of Terraform's: `make up` holds the stack's own, which an interrupted apply releases.
        arguments = ("-auto-approve", "-no-color", "-parallelism=40", "-lock=false", *self._variables)
        self.run("apply", *arguments, log="terraform-apply.log")
        # `terraform output` would take a second.
        return terraform_outputs(Aws(self._stack.endpoint).s3, _STATE_BUCKET, _STATE_KEY)

    def inputs(self) -> str:
        """Digest of everything that an apply depends on, except the content of packages and templates."""
        templates = self._code.parent / "templates"
        names = [str(path.relative_to(templates)) for path in sorted(templates.rglob("*")) if path.is_file()]
        digest = hashlib.sha256(json.dumps([self._variables, names]).encode())
        files = (path for path in self._code.rglob("*") if path.is_file())
        applied = (path for path in files if path.relative_to(self._code).parts[0] not in _NOT_APPLIED)
        digest.update(digests(applied, self._code))
        return digest.hexdigest()

    def changes(self) -> list[dict[str, Any]]:
        """Resource changes that a plan contains, as `terraform show -json` has them."""
        self._require_init()
        plan = str(self._stack.directory / "changes.tfplan")
        printed = self.run("plan", "-no-color", "-parallelism=40", "-lock=false", f"-out={plan}", *self._variables)
        # `terraform show` would start the provider once more.
        if "\nNo changes." in printed:
            return []
        found: list[dict[str, Any]] = json.loads(self.run("show", "-json", plan)).get("resource_changes", [])
        return [change for change in found if change["change"]["actions"] not in (["no-op"], ["read"])]

    def _calls(self) -> list[str] | None:
        """Recorded calls that may have changed the engine's resources; None if the engine keeps no record."""
        file = self._stack.changes_file
        return file.read_text().splitlines() if file.exists() else None

    def reason_to_apply(self) -> str | None:
        """Why an apply is needed; None if at most packages and templates differ (docs/decisions/0013-up-again.md)."""
        calls, applied = self._calls(), self._stack.applied
        if applied is None or calls is None:
            return "the state of the stack is unknown"
        if self.inputs() != applied.inputs:
            return "configuration, variables or names of templates have changed"
        since = sorted(set(calls[applied.changes :]))
        return f"called since: {', '.join(since)}" if since else None

    def mark_applied(self) -> None:
        """Save that the stack is as Terraform would leave it now."""
        calls = self._calls()
        self._stack.applied = None if calls is None else Applied(self.inputs(), len(calls))
        self._stack.save()

    @contextmanager
    def leaving_as_applied(self) -> Iterator[None]:
        """Changes to the engine that Terraform need not know: an apply is needed afterwards only if it was before.

        Calls of others in the meantime are not seen either, so hold the stack's lock, and not for long.
        """
        as_applied = self.reason_to_apply() is None
        yield
        if as_applied:
            self.mark_applied()

    def shell_environment(self) -> dict[str, str]:
        """Environment variables with which Terraform and tflocal in a shell do what `make up` does; initialised."""
        self._require_init()
        # A folder of its own: inside the configuration tflocal initialises Terraform in another way.
        data = self._stack.directory / "tflocal"
        mirror = Path(self._environment["TF_DATA_DIR"], "providers")
        settings = {
            "TF_CLI_CONFIG_FILE": cli_environment(data, mirror)["TF_CLI_CONFIG_FILE"],
            "TF_DATA_DIR": str(data),
            **_WORKSPACE,
        }
        # At the endpoint that tflocal gives the backend, unlike a variable's, the bucket would have its own host name.
        init = (*_INIT, "-backend-config=use_path_style=true")
        command = ["terraform", f"-chdir={self._code}", "init", *init]
        commands.run("terraform init", command, _DEADLINE_SECONDS, self._environment | settings).checked()
        arguments = {"init": init, **dict.fromkeys(_WITH_VARIABLES, self._variables)}
        return settings | {f"TF_CLI_ARGS_{name}": shlex.join(words) for name, words in arguments.items()}

    def passthrough(self, arguments: list[str]) -> int:
        """Run any Terraform command on this terminal, with the local variables if it takes variables."""
        command, *options = arguments
        self._require_init()
        self._require_no_override()
        variables = self._variables if command in _WITH_VARIABLES else []
        whole = ["terraform", f"-chdir={self._code}", command, *variables, *options]
        return commands.run_on_terminal(whole, self._environment)
