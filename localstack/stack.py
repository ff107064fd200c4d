"""The local stack: its folder and its saved state. Several stacks can run at once, each in its own folder."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from tooling.cli import UserError
from tooling.files import write_whole
from tooling.paths import ROOT

ACCOUNT: Final = "000000000000"
REGION: Final = "af-south-1"
# Secret key of the account's root user; the engine accepts any.
SIGNATURE: Final = "test"
# For errors of the engine.
ADVICE: Final = "If the stack is broken, `make up` repairs it; `make down`, then `make up`, starts from scratch."
# Environment variable of every process of a stack, with the folder of the stack.
PROCESS_VARIABLE: Final = "ORDER_STACK_DIR"
# Environment variable of every process of a stack, with a random value that no other has.
IDENTITY_VARIABLE: Final = "ORDER_STACK_TOKEN"
# Variables that keep a person's files of AWS, with profiles and settings, from programs of a stack.
NO_AWS_FILES: Final = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
# Containers reach the machine that they run on by this name.
DOCKER_HOST_NAME: Final = "host.docker.internal"


class StackError(UserError):
    """The local stack cannot do what was requested; the message says why and what to do."""


class Running(NamedTuple):
    """A process: its id, and a random value in its environment, since ids are reused and clocks are set."""

    pid: int
    identity: str


class Certificates(NamedTuple):
    """Paths of PEM files for TLS on 127.0.0.1, issued by an authority that only this machine trusts."""

    # Authorities that the machine trusts already, and ours.
    bundle: str
    certificate: str
    key: str

    def trusted(self) -> dict[str, str]:
        """Environment variables that make SDKs, Terraform's provider and Python trust the authority."""
        return dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), self.bundle)


class Applied(NamedTuple):
    """Terraform's last complete apply: the digest of its inputs, and the number of changing calls recorded by then."""

    inputs: str
    changes: int


@dataclass
class Stack:
    """A local stack, in a folder with stack.json, logs and mails."""

    directory: Path
    engine: str = "embedded"
    # By use: engine, cart, smtp, console; portal once it was opened, proxy with a fault proxy, issuer if the tokens are
    # not Cognito's.
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    # Terraform's outputs; empty before the first apply.
    outputs: dict[str, Any] = field(default_factory=dict)
    # None if Terraform must check the stack.
    applied: Applied | None = None
    # Folder of the release that the stack runs; None if it runs this tree.
    release: str | None = None
    # What engine and cart stub serve with; None for plain HTTP.
    certificates: Certificates | None = None

    def __post_init__(self) -> None:
        """Name the files in the folder."""
        # An .eml file for each mail sent.
        self.mail_dir = self.directory / "mail"
        # Logs of engine, sidecars and Terraform.
        self.logs_dir = self.directory / "logs"
        # Where the embedded engine unpacks functions and keeps its state.
        self.engine_dir = self.directory / "engine"
        # Regions and APIs that the embedded engine treats as lost; usually absent.
        self.lost_file = self.engine_dir / "lost"
        # What each role was allowed and denied.
        self.decisions_file = self.engine_dir / "decisions.jsonl"
        # Calls that may have changed a resource.
        self.changes_file = self.engine_dir / "changes"
        # Claimed by `make watch`, with the folder of the tree that the functions of the embedded engine run.
        self.tree_file = self.directory / "tree"
        # Claimed by `bin/ops stack debug`, with the function that a debugger enters.
        self.debug_file = self.directory / "debug"

    def _url(self, use: str) -> str:
        return f"{'https' if self.certificates else 'http'}://127.0.0.1:{self.ports[use]}"

    @property
    def endpoint(self) -> str:
        """URL of the engine; an IP address, so that SDKs and Terraform address buckets by path."""
        return self._url("engine")

    @property
    def api_url(self) -> str:
        return api_url(self.endpoint, self.outputs)

    @property
    def cart_url(self) -> str:
        return self._url("cart")

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['console']}/"

    @property
    def proxy_url(self) -> str | None:
        """URL of the fault proxy, which functions use as engine and cart stub; None without one."""
        return f"http://127.0.0.1:{self.ports['proxy']}" if "proxy" in self.ports else None

    @property
    def issuer_url(self) -> str | None:
        """URL of the issuer of tokens; None if Cognito issues them."""
        return f"http://127.0.0.1:{self.ports['issuer']}" if "issuer" in self.ports else None

    def aws_environment(self) -> dict[str, str]:
        """Environment variables that point SDKs and Terraform at the engine instead of AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": SIGNATURE,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reload(self) -> None:
        """Take over what was saved since this was loaded: to be done once the stack's lock is held."""
        vars(self).update(vars(load(self.directory)))

    def save(self) -> None:
        """Write stack.json, whole or not at all."""
        self.directory.mkdir(parents=True, exist_ok=True)
        content = {name: value for name, value in asdict(self).items() if name != "directory"}
        write_whole(self.directory / "stack.json", json.dumps(content, indent=2))


def api_url(endpoint: str, outputs: Mapping[str, Any]) -> str:
    """URL of the Order API at an engine, from Terraform's outputs."""
    return f"{endpoint}/_aws/execute-api/{outputs['api_id']}/{outputs['stage']}"


def default_directory() -> Path:
    """Folder named by STACK_DIR, or build/local."""
    return Path(os.environ.get("STACK_DIR") or ROOT / "build" / "local").resolve()


def load(directory: Path | None = None) -> Stack:
    """Load the stack in a folder, an empty one if there is none; StackError if its stack.json cannot be read."""
    directory = directory or default_directory()
    file = directory / "stack.json"
    try:
        content = json.loads(file.read_text())
        content["running"] = {name: Running(*process) for name, process in content["running"].items()}
        content["applied"] = Applied(*content["applied"]) if content.get("applied") else None
        content["certificates"] = Certificates(*content["certificates"]) if content["certificates"] else None
        return Stack(directory, **content)
    except FileNotFoundError:
        return Stack(directory)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        advice = "run `make down`, which stops what it started, then `make up`"
        raise StackError(f"{file} cannot be read ({error}): {advice}") from None


def require(directory: Path | None = None) -> Stack:
    """Load the stack in a folder; StackError if it has not been created, or cannot be read."""
    stack = load(directory)
    if not stack.outputs:
        raise StackError(f"there is no finished stack in {stack.directory}: run `make up`")
    return stack
