"""LocalStack as a process of this machine, without Docker: its functions are processes too."""

import os
import shutil
from pathlib import Path

from localstack import ports, processes
from localstack.engines.localstack import HOOKS, require_hooks, responds
from localstack.stack import PROCESS_VARIABLE, Running, Stack, StackError
from tooling import dynamodb_local, machine
from tooling.paths import ROOT
from tooling.polling import poll

_START_SECONDS = 240
_RUNTIME = ROOT / "localstack" / "lambda_runtime"
# LocalStack finds the plugin as it finds those of installed packages.
_PLUGIN = {
    "METADATA": "Metadata-Version: 2.1\nName: order-platform-functions\nVersion: 1\n",
    "entry_points.txt": "[localstack.lambda.runtime_executor]\nprocess = process_executor:ProcessExecutorPlugin\n",
}


class LocalStackHost:
    """LocalStack 4.14.0 without Docker; it needs Linux, Python 3.13, Java and npm."""

    name = "localstack-host"
    has_cognito = False
    needs_mail_catcher = True

    def start(self, stack: Stack) -> None:
        """Start LocalStack on the stack's port and wait until it responds."""
        log = stack.logs_dir / "engine.log"
        stack.applied = None
        stack.running["engine"] = start_process(
            stack.engine_dir,
            log,
            stack.ports["engine"],
            {
                PROCESS_VARIABLE: str(stack.directory),
                "SMTP_HOST": f"127.0.0.1:{stack.ports['smtp']}" if "smtp" in stack.ports else "",
                "ISSUER_URL": stack.issuer_url or "",
            },
        )
        stack.save()

        def started() -> bool | None:
            ports.require_own(stack, "engine", "engine", stack.running["engine"])
            if not processes.alive(stack.running["engine"]):
                raise StackError(f"LocalStack ended while starting; its log ends:\n{log.read_text()[-2_000:]}")
            return self.healthy(stack) or None

        poll(f"LocalStack responds on port {stack.ports['engine']} (log: {log})", started, _START_SECONDS)
        require_hooks(stack.endpoint)

    def stop(self, stack: Stack) -> None:
        """Stop LocalStack and its functions and remove its files."""
        processes.stop(stack.running.get("engine"))
        shutil.rmtree(stack.engine_dir, ignore_errors=True)

    def connect(self, stack: Stack) -> None:
        """Do nothing: functions reach the sidecars."""

    def unresponsive(self, stack: Stack) -> str | None:
        """The name of the process if it runs, although it may not respond, or if that cannot be told."""
        return processes.name(stack.running.get("engine"), stack.ports["engine"])

    def healthy(self, stack: Stack) -> bool:
        """Whether LocalStack runs and responds."""
        # An engine of another stack would respond as well.
        return processes.serves(stack.running.get("engine"), stack.ports["engine"]) and responds(stack.endpoint)


def require_java_and_npm() -> None:
    """Get Java and npm where they are missing. Raises StackError: they cannot be had; the text says what to do."""
    try:
        left = machine.prepare(for_localstack=True)
    except RuntimeError as error:
        raise StackError(str(error)) from None
    if left:
        raise StackError("; ".join(f"{item.what} is missing: {item.remedy}" for item in left))


def start_process(folder: Path, log: Path, port: int, settings: dict[str, str]) -> Running:
    """Start LocalStack on a port, with its files in a folder.

    Raises StackError or UserError: something that it needs is missing; the text says how to get it.
    """
    require_java_and_npm()
    try:
        for name in ("localstack", "runtime"):
            machine.install(name)
    except RuntimeError as error:
        raise StackError(str(error)) from None
    _link(folder, dynamodb_local.install(), dynamodb_local.java_home())
    # LocalStack has a hundred settings of this kind: none may come from the shell. Functions inherit nothing but PATH.
    environment = processes.environment() | {
        # Twisted, LocalStack's default server, listens on all addresses.
        "GATEWAY_SERVER": "hypercorn",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        # Its DNS server would listen on all addresses, or, if it may not, start by sudo.
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        # A CI machine that is a container is not LocalStack's own.
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": f"{folder / 'plugin'}{os.pathsep}{_RUNTIME}",
        # It checks presigned URLs only on request.
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        # DynamoDB Local's own streams; the first provider needs a Kinesis server that it downloads.
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
        "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "v2",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "FUNCTION_PYTHON": str(machine.TOOL_VENVS["runtime"] / "bin" / "python"),
        # An order after a long pause should not meet cold starts.
        "LAMBDA_KEEPALIVE_MS": "86400000",
        # Lambda polls queues without a pause; as in docker-compose.yml, in seconds.
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.1",
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.5",
    }
    command = [str(machine.TOOL_VENVS["localstack"] / "bin" / "python"), "-m", "localstack.runtime.main"]
    return processes.start(command, log, environment | settings, folder)


def _link(folder: Path, dynamodb: Path, java: Path) -> None:
    """Make LocalStack's folders, with links to what it would download."""
    libraries = folder / "usr" / "lib" / "localstack"
    links = {
        libraries / "dynamodb-local" / "2": dynamodb,
        libraries / "java" / "21": java,
        folder / "etc" / "localstack" / "init": HOOKS,
    }
    for path, target in links.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    (folder / "tmp").mkdir(exist_ok=True)
    plugin = folder / "plugin" / "order_platform_functions-1.dist-info"
    plugin.mkdir(parents=True, exist_ok=True)
    for name, text in _PLUGIN.items():
        (plugin / name).write_text(text)
