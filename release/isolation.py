"""Imports a package as Lambda does: its zip and the runtime's SDK on the path, and nothing else."""

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from release.build import BuildError

_DEADLINE_SECONDS = 60
# What Terraform sets for one function or another; at import they are only read.
_ENVIRONMENT = {
    "ORDERS_TABLE": "orders",
    "IDEMPOTENCY_TABLE": "idempotency",
    "ORDER_CREATION_QUEUE_URL": "https://sqs.af-south-1.amazonaws.com/000000000000/creation",
    "ORDER_EVENTS_TOPIC_ARN": "arn:aws:sns:af-south-1:000000000000:events",
    "ORDERS_BUCKET": "orders",
    "TEMPLATES_BUCKET": "templates",
    "CART_API_URL": "https://cart.example.com",
    "MAIL_FROM": "from@example.com",
    "MAIL_REPLY_TO": "reply@example.com",
    "INTERNAL_NOTIFICATION_EMAIL": "team@example.com",
    "RETRY_DELAY_SECONDS": "60",
    "POWERTOOLS_SERVICE_NAME": "isolation",
    "POWERTOOLS_METRICS_NAMESPACE": "isolation",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": "af-south-1",
}
_SCRIPT = """
import importlib, json, sys
sys.path[:0] = sys.argv[2:]
assert callable(importlib.import_module(sys.argv[1]).handler)
print(json.dumps(sorted(sys.modules)))
"""


def modules_loaded(package: Path, runtime: Path) -> set[str]:
    """Import the handler of a package alone, and return the names of the modules that this loaded.

    Args:
        package: the zip, named after its function.
        runtime: folder with what Lambda's runtime brings.

    Raises:
        BuildError: it cannot be imported; the text ends with the interpreter's own.
    """
    function = package.stem
    folder = Path(tempfile.mkdtemp(prefix="isolation-"))
    try:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        # -I and -S: no site-packages, no user's folder, no variable of this shell.
        command = [sys.executable, "-I", "-S", "-B", "-c", _SCRIPT, f"functions.{function}.handler"]
        done = subprocess.run(
            [*command, str(folder), str(runtime)],
            env=_ENVIRONMENT,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{package.name}: not imported in {_DEADLINE_SECONDS} s") from None
    finally:
        shutil.rmtree(folder)
    if done.returncode:
        raise BuildError(f"{package.name} cannot be imported alone:\n{done.stderr[-2_000:]}")
    return set(json.loads(done.stdout))
