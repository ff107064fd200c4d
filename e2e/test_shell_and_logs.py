"""The developer's Python shell and the logs of the local stack."""

import json
import re
import subprocess
import sys
from uuid import uuid4

import pytest

from e2e.tenant import DEADLINE_SECONDS, Tenant
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = pytest.mark.sidecars


def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of the local stack with this text as its input."""
    command = [sys.executable, "-m", "cli.ops", "stack", *arguments]
    return subprocess.run(
        command, cwd=ROOT, input=typed, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS
    )


def test_shell_has_clients_of_the_stack(tenant: Tenant) -> None:
    """The developer's shell has clients, tables, orders and tokens of the local stack, and lists them at its start."""
    order = tenant.ordered()
    typed = [
        f"print(order({order['id']!r})['orderNumber'])",
        "print(table.item_count >= 1, stack.outputs['stage'])",
        "print(len(token('thandi@acme.example').split('.')))",
        "clients = (dynamodb, sqs, s3, sns, lambda_, logs, ses, cognito)",
        "print([client.meta.service_model.service_name for client in clients])",
        "print({client.meta.endpoint_url for client in clients} == {stack.endpoint})",
        f"order('{uuid4()}')",
    ]
    done = run("shell", typed="\n".join(typed) + "\n")
    printed = done.stdout.replace(">>> ", "").splitlines()
    services = ["dynamodb", "sqs", "s3", "sns", "lambda", "logs", "ses", "cognito-idp"]
    assert printed[:5] == [order["orderNumber"], "True local", "3", str(services), "True"]
    assert 'table.scan()["Items"] lists all' in done.stderr
    banner = done.stderr.partition("Ctrl-D")[0]
    for name in (*services[:4], "lambda_", "logs", "ses", "cognito", "table", "order", "token", "stack"):
        assert re.search(rf"\b{name}\b", banner), f"the banner does not list {name}"
    assert done.returncode == 0


def test_logs_in_a_pipe_are_json_lines(tenant: Tenant) -> None:
    """Logs written to a pipe are JSON, one object a line."""
    correlation = f"logs-{uuid4()}"
    tenant.place(correlation)

    def lines() -> list[dict[str, object]] | None:
        found = [json.loads(line) for line in run("logs", "create_order").stdout.splitlines()]
        return found if any(line.get("correlation_id") == correlation for line in found) else None

    found = poll("the order's line", lines, DEADLINE_SECONDS)
    assert any(str(line["message"]).startswith("REPORT ") for line in found if "message" in line)


def test_logs_follow_prints_new_lines(tenant: Tenant) -> None:
    """Followed logs print what was logged before and every new line."""
    correlation = f"follow-{uuid4()}"
    command = [sys.executable, "-m", "cli.ops", "stack", "logs", "create_order", "--follow"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        assert following.stdout.readline(), "older lines come first"
        tenant.place(correlation)
        found = next(line for line in following.stdout if correlation in line)
        following.terminate()
    assert json.loads(found)["message"] == "order accepted"


def test_logs_of_an_unknown_function_are_refused() -> None:
    """Logs of an unknown function are refused with a suggestion."""
    done = run("logs", "get_ordr")
    assert done.returncode == 1
    assert "did you mean get_order?" in done.stderr
