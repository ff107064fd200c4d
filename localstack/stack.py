"""Where a local stack is and what is known of it: one folder, so that several can run side by side."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from tooling.cli import UserError
from tooling.paths import ROOT

ACCOUNT: Final = "000000000000"
REGION: Final = "af-south-1"
# What the engine takes for the signature of an account's root: any text.
SIGNATURE = "test"
# When the engine refuses or does not answer.
ADVICE: Final = "If the stack is not as it should be, `make up` repairs it; `make down`, then `make up`, begins anew."

# What containers call the machine that they run on.
DOCKER_HOST_NAME = "host.docker.internal"


class StackError(UserError):
    """The local stack cannot do what was asked; the text says why and what to do."""


class Running(NamedTuple):
    """A process: its id, and when it started in seconds since the epoch, since ids are used again."""

    pid: int
    started: float


class Certificates(NamedTuple):
    """Paths of what a stack speaks TLS with, in PEM; nobody but this machine knows the authority.

    Args:
        bundle: the authorities that the machine trusts anyway, and this one.
        certificate: of 127.0.0.1.
        key: of it.
    """

    bundle: str
    certificate: str
    key: str

    def trusted(self) -> dict[str, str]:
        """The environment variables that make SDKs, Terraform's provider and Python trust the authority."""
        return dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), self.bundle)


class Applied(NamedTuple):
    """When Terraform last left a stack as it should be.

    Args:
        inputs: digest of what an apply depends on, but for what packages and templates hold.
        changes: how many calls may have changed the engine until then.
    """

    inputs: str
    changes: int


@dataclass
class Stack:
    """A local stack.

    Args:
        directory: its folder; holds stack.json, logs, mails.
        engine: name of its engine.
        ports: by use: engine, cart, smtp, console; proxy where faults can be put between the functions and what they
            call, and issuer where tokens are not those of Cognito.
        running: its processes, by name.
        outputs: of Terraform, once applied.
        applied: of what; None if Terraform must look.
        release: folder of the release that it runs; None for what is built from this tree.
        certificates: that engine and cart stub serve with; None for plain HTTP.
    """

    directory: Path
    engine: str = "embedded"
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    applied: Applied | None = None
    release: str | None = None
    certificates: Certificates | None = None

    @property
    def endpoint(self) -> str:
        """URL of the engine; an IP address, which makes SDKs and Terraform address buckets by path."""
        return f"{self._scheme}://127.0.0.1:{self.ports['engine']}"

    @property
    def _scheme(self) -> str:
        return "https" if self.certificates else "http"

    @property
    def api_url(self) -> str:
        """URL of the Order API."""
        return api_url(self.endpoint, self.outputs)

    @property
    def cart_url(self) -> str:
        """URL of the cart stub."""
        return f"{self._scheme}://127.0.0.1:{self.ports['cart']}"

    @property
    def functions_cart_url(self) -> str:
        """URL of the cart stub, or of the proxy before it, as functions reach it: LocalStack's are in containers."""
        url = self.proxy_url or self.cart_url
        return url.replace("127.0.0.1", DOCKER_HOST_NAME) if self.engine == "localstack" else url

    @property
    def console_url(self) -> str:
        """URL of the console."""
        return f"http://127.0.0.1:{self.ports['console']}/"

    @property
    def proxy_url(self) -> str | None:
        """URL of the fault proxy, which functions are given for engine and cart stub; None where there is none."""
        return f"http://127.0.0.1:{self.ports['proxy']}" if "proxy" in self.ports else None

    @property
    def issuer_url(self) -> str | None:
        """URL of the issuer of tokens; None where Cognito gives them."""
        return f"http://127.0.0.1:{self.ports['issuer']}" if "issuer" in self.ports else None

    @property
    def mail_dir(self) -> Path:
        """Folder with one .eml for each mail sent."""
        return self.directory / "mail"

    @property
    def engine_dir(self) -> Path:
        """Folder where the embedded engine unpacks functions and keeps its state."""
        return self.directory / "engine"

    @property
    def lost_file(self) -> Path:
        """Lists what the embedded engine acts as if it were lost."""
        return self.engine_dir / "lost"

    @property
    def decisions_file(self) -> Path:
        """Notes of the embedded engine on what each role was allowed and denied."""
        return self.engine_dir / "decisions.jsonl"

    @property
    def changes_file(self) -> Path:
        """Notes of the embedded engine on the calls that may have changed a resource."""
        return self.engine_dir / "changes"

    @property
    def logs_dir(self) -> Path:
        """Folder with the logs of engine, cart stub, mail catcher and Terraform."""
        return self.directory / "logs"

    def aws_environment(self) -> dict[str, str]:
        """The environment variables that point SDKs and Terraform at the engine instead of AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": SIGNATURE,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def save(self) -> None:
        """Write stack.json, whole or not at all."""
        self.directory.mkdir(parents=True, exist_ok=True)
        content = asdict(self)
        content.pop("directory")
        partial = self.directory / "stack.json.partial"
        partial.write_text(json.dumps(content, indent=2))
        partial.replace(self.directory / "stack.json")


def api_url(endpoint: str, outputs: Mapping[str, Any]) -> str:
    """URL of the Order API at an engine.

    Args:
        endpoint: URL of the engine.
        outputs: of Terraform.
    """
    return f"{endpoint}/_aws/execute-api/{outputs['api_id']}/{outputs['stage']}"


def default_directory() -> Path:
    """The folder named by STACK_DIR, or build/local."""
    return Path(os.environ.get("STACK_DIR", ROOT / "build" / "local")).resolve()


def load(directory: Path | None = None) -> Stack:
    """The stack in a folder; an empty one if there is none yet."""
    directory = directory or default_directory()
    try:
        content = json.loads((directory / "stack.json").read_text())
    except FileNotFoundError:
        return Stack(directory=directory)
    running = {name: Running(*process) for name, process in content.pop("running").items()}
    certificates, applied = content.pop("certificates"), content.pop("applied", None)
    return Stack(
        directory=directory,
        running=running,
        applied=Applied(*applied) if applied else None,
        certificates=Certificates(*certificates) if certificates else None,
        **content,
    )


def require(directory: Path | None = None) -> Stack:
    """The stack in a folder.

    Raises:
        StackError: it has not been made.
    """
    stack = load(directory)
    if not stack.outputs:
        raise StackError(f"there is no finished stack in {stack.directory}: run `make up`")
    return stack
