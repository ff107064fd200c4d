"""MiniStack, the embedded engine: a process in a separate virtual environment, which enforces IAM."""

import shutil
from typing import Any

import requests

from localstack import ports, processes
from localstack.sidecars.issuer_client import ISSUER_POOL
from localstack.stack import ACCOUNT, ADVICE, PROCESS_VARIABLE, REGION, Stack, StackError
from tooling.machine import ENGINE_VENV
from tooling.paths import ROOT
from tooling.polling import poll

# A busy machine makes the engine slow, and a slow engine must not be taken for a dead one.
_RESPONSE_SECONDS = 15
_START_SECONDS = 60
# All functions import their libraries.
_HARNESS_SECONDS = 120
_SAVE_SECONDS = 60


class MiniStack:
    """MiniStack with the patches of localstack/ministack_patches."""

    name = "embedded"
    has_cognito = True
    needs_mail_catcher = False

    def start(self, stack: Stack) -> None:
        """Start MiniStack on the stack's port and wait until it responds."""
        log = stack.logs_dir / "engine.log"
        # Functions inherit this environment: credentials and endpoints of the shell must not reach them.
        environment = processes.environment() | {
            PROCESS_VARIABLE: str(stack.directory),
            "AUTH": "true",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(stack.ports["engine"]),
            "MAIL_DIR": str(stack.mail_dir),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            # An order after a long pause should not meet cold starts.
            "LAMBDA_WARM_TTL_SECONDS": "86400",
            "PYTHONUNBUFFERED": "1",
            # glibc would keep freed memory apart for each of the many threads; functions inherit it.
            "MALLOC_ARENA_MAX": "2",
            # Unpacked packages are removed with the stack.
            "TMPDIR": str(stack.engine_dir),
            # For snapshots, and for runs with faults, which restart the engine.
            "PERSIST_STATE": "1",
            "STATE_DIR": str(stack.engine_dir / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(stack.engine_dir / "s3"),
            "LOST_FILE": str(stack.lost_file),
            "DECISIONS_FILE": str(stack.decisions_file),
            "CHANGES_FILE": str(stack.changes_file),
            "TREE_FILE": str(stack.tree_file),
            "DEBUG_FILE": str(stack.debug_file),
            "LOG_FILE": str(log),
        }
        if stack.issuer_url:
            environment |= {"ISSUER_URL": stack.issuer_url, "ISSUER_POOL": ISSUER_POOL}
        if stack.proxy_url:
            # Functions inherit it.
            environment["AWS_ENDPOINT_URL"] = stack.proxy_url
        if stack.certificates:
            # Functions inherit this, and so trust engine and cart stub.
            environment |= stack.certificates.trusted() | {
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": stack.certificates.certificate,
                "MINISTACK_SSL_KEY": stack.certificates.key,
            }
        stack.engine_dir.mkdir(parents=True, exist_ok=True)
        # -P: our modules must not shadow the engine's libraries of the same name.
        main = ROOT / "localstack" / "ministack_patches" / "__main__.py"
        # Terraform has not checked the state that the engine loads from disk.
        stack.applied = None
        command = [str(ENGINE_VENV / "bin" / "python"), "-P", str(main)]
        stack.running["engine"] = processes.start(command, log, environment, stack.directory)
        stack.save()

        def responds() -> bool | None:
            ports.require_own(stack, "engine", "engine", stack.running["engine"])
            if not processes.alive(stack.running["engine"]):
                last = processes.last_line(log)
                raise StackError(f"MiniStack ended while starting; its last line is: {last} (see {log})")
            return self.healthy(stack) or None

        poll(f"MiniStack responds on port {stack.ports['engine']} (log: {log})", responds, _START_SECONDS)

    def restart(self, stack: Stack) -> None:
        """Stop MiniStack and its workers, then start it with the state on disk."""
        processes.stop(stack.running.get("engine"), _SAVE_SECONDS)
        self.start(stack)

    def stop(self, stack: Stack) -> None:
        """Stop MiniStack and its workers and remove its files."""
        # A stack that goes down has nothing to save.
        processes.stop(stack.running.get("engine"), 0)
        shutil.rmtree(stack.engine_dir, ignore_errors=True)

    def connect(self, stack: Stack) -> None:
        """Do nothing: functions reach the sidecars."""

    def unresponsive(self, stack: Stack) -> str | None:
        """The name of the process if it runs, although it may not respond, or if that cannot be told."""
        return processes.name(stack.running.get("engine"), stack.ports["engine"])

    def healthy(self, stack: Stack) -> bool:
        """Whether MiniStack runs and responds."""
        # An engine of another stack would respond as well.
        if not processes.serves(stack.running.get("engine"), stack.ports["engine"]):
            return False
        try:
            return _request(stack, "GET", "/_ministack/health", _RESPONSE_SECONDS).ok
        except requests.RequestException:
            return False


def harness(stack: Stack, path: str, body: object = None, method: str = "POST") -> Any:
    """Make a request to a patch that is no API of AWS, and return its response. Raises StackError: it fails."""
    try:
        response = _request(stack, method, f"/_harness/{path}", _HARNESS_SECONDS, body)
        response.raise_for_status()
        return response.json()
    except requests.RequestException as error:
        raise StackError(f"the engine does not respond to {path}: {error}. {ADVICE}") from None


def _request(stack: Stack, method: str, path: str, seconds: float, body: object = None) -> requests.Response:
    authority = stack.certificates.bundle if stack.certificates else True
    return requests.request(method, stack.endpoint + path, json=body, timeout=seconds, verify=authority)
