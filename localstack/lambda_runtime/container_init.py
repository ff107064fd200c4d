"""Stands for LocalStack's init in a function's container: takes calls from LocalStack, and hands them to the function.

LocalStack copies this file and runtime_api.py into the container and runs it, with the Python of Lambda's image and
its standard library alone. It posts calls to port 9563; the results go to the URL in LOCALSTACK_RUNTIME_ENDPOINT.
"""

import json
import os
import pwd
import signal
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runtime_api import Environment, Function, StartError

_PORT = 9563
_REPORT_SECONDS = 60
_COMMAND = ["/var/lang/bin/python3.12", "/var/runtime/bootstrap.py"]
_TASK = "/var/task"
_TMP = "/tmp"  # noqa: S108  # nosec B108  # of the container
# LocalStack's own variables, which Lambda does not have.
_OWN = ("LOCALSTACK_", "STANDS_IN_FOR")
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def report(path: str, body: bytes = b"") -> None:
    """Report to LocalStack."""
    url = f"{os.environ['LOCALSTACK_RUNTIME_ENDPOINT']}/{path}"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    _opener.open(request, timeout=_REPORT_SECONDS).read()


def become_user() -> None:
    """Give the user of Lambda's functions /tmp, and become that user, if this is root."""
    user = pwd.getpwnam(os.environ.get("LOCALSTACK_USER", "sbx_user1051"))
    if os.geteuid():
        return
    for item in json.loads(os.environ.get("LOCALSTACK_CHMOD_PATHS", "[]")):
        os.chmod(item["path"], int(item["mode"], 8))
    os.chown(_TMP, user.pw_uid, user.pw_gid)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def make_environment() -> Environment:
    """The function's environment, as LocalStack's variables describe it."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    variables |= {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "HOME": _TMP}
    return Environment(
        Function(
            _COMMAND,
            variables,
            _TASK,
            int(variables.get("AWS_LAMBDA_FUNCTION_TIMEOUT", "3")),
            int(variables.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")),
            variables.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        )
    )


class Handler(BaseHTTPRequestHandler):
    """LocalStack's calls."""

    environment: Environment

    def log_message(self, *_: object) -> None:
        """Keep standard error free: it is the container's log."""

    def do_POST(self) -> None:
        """`/invoke`: accept a call; its result is reported when it is there."""
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        threading.Thread(target=self._run, args=(call,), daemon=True).start()

    def _run(self, call: dict[str, str]) -> None:
        name, payload = call["invoke-id"], call["payload"].encode()
        result = self.environment.invoke(name, call["invoked-function-arn"], payload, call.get("trace-id") or "")
        sys.stdout.write(result.log)
        sys.stdout.flush()
        report(f"invocations/{name}/logs", json.dumps({"logs": result.log}).encode())
        report(f"invocations/{name}/{'error' if result.is_error else 'response'}", result.payload)


def main() -> None:
    """Start the function, then serve until the container is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    become_user()
    server = ThreadingHTTPServer(("", _PORT), Handler)
    Handler.environment = make_environment()
    status = f"status/{os.environ['LOCALSTACK_RUNTIME_ID']}"
    try:
        Handler.environment.start()
    except StartError as error:
        payload = {"errorType": "Runtime.ImportModuleError", "errorMessage": str(error)}
        report(f"{status}/error", json.dumps(payload).encode())
    else:
        report(f"{status}/ready")
    server.serve_forever()


if __name__ == "__main__":
    main()
