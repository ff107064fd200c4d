"""LocalStack's plugin that runs functions as processes of this machine: `LAMBDA_RUNTIME_EXECUTOR=process`.

Its modules are LocalStack's, not ours: it runs in LocalStack's virtual environment, with this folder on its path.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

from runtime_api import Environment, Function, StartError

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_INHERITED = ("PATH", "NO_PROXY", "no_proxy", "ORDER_STACK_DIR")
# Variables of LocalStack's own runtime, which there is not.
_NOT_GIVEN = ("LOCALSTACK_RUNTIME_ID", "LOCALSTACK_RUNTIME_ENDPOINT")


class ProcessExecutor(RuntimeExecutor):
    """An execution environment that is a process; AWS's Python runtime is the one that FUNCTION_PYTHON names."""

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the function's process with Lambda's variables and few of this machine."""
        version = self.function_version
        code = str(version.config.code.get_unzipped_code_location())
        self._folder = tempfile.mkdtemp(prefix="function-")
        machine = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        given = {name: str(value) for name, value in env_vars.items() if name not in _NOT_GIVEN}
        of_lambda = {
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
            "HOME": self._folder,
            "LAMBDA_TASK_ROOT": code,
            "LD_LIBRARY_PATH": f"{code}{os.pathsep}{code}/lib",
            "LANG": "en_US.UTF-8",
            "TMPDIR": self._folder,
        }
        self._environment = Environment(
            Function(
                [os.environ["FUNCTION_PYTHON"], str(_BOOTSTRAP)],
                {**machine, **given, **of_lambda},
                code,
                version.config.timeout,
                version.config.memory_size,
                version.id.qualifier,
            )
        )
        try:
            self._environment.start()
        except StartError as error:
            payload = {"errorType": "Runtime.ImportModuleError", "errorMessage": str(error)}
            raise StatusErrorException("Environment startup failed", json.dumps(payload).encode()) from None

    def stop(self) -> None:
        """End the process and remove its files."""
        self._environment.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def get_address(self) -> str:
        """The function's address."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """LocalStack's address, as the function sees it."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """The URL that LocalStack's own runtime would report to."""
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}"

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run a call."""
        request_id = payload["invoke-id"]
        result = self._environment.invoke(
            request_id, payload["invoked-function-arn"], payload["payload"].encode(), payload["trace-id"]
        )
        return InvocationResult(request_id, result.payload, is_error=result.is_error, logs=result.log)

    def get_logs(self) -> str:
        """Nothing: each call returns its log."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code."""
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Leave the code: LocalStack removes it."""


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """The plugin."""

    name = "process"

    def load(self, *_: object, **__: object) -> type[ProcessExecutor]:
        """Return the executor."""
        return ProcessExecutor
