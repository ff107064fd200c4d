"""What developers look at the stack with: `make shell` and `make logs`."""

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
    """Run a command of the local stack, with what is typed into it."""
    command = [sys.executable, "-m", "localstack", *arguments]
    return subprocess.run(
        command, cwd=ROOT, input=typed, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS
    )


def test_the_shell_knows_the_stack(tenant: Tenant) -> None:
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
    said = done.stdout.replace(">>> ", "").splitlines()
    services = ["dynamodb", "sqs", "s3", "sns", "lambda", "logs", "ses", "cognito-idp"]
    assert said[:5] == [order["orderNumber"], "True local", "3", str(services), "True"]
    assert 'table.scan()["Items"] lists all' in done.stderr
    banner = done.stderr.partition("Ctrl-D")[0]
    for name in (*services[:4], "lambda_", "logs", "ses", "cognito", "table", "order", "token", "stack"):
        assert re.search(rf"\b{name}\b", banner), f"the banner does not tell of {name}"
    assert done.returncode == 0


def test_logs_in_a_pipe_are_json_line_by_line(tenant: Tenant) -> None:
    correlation = f"logs-{uuid4()}"
    tenant.place(correlation)

    def lines() -> list[dict[str, object]] | None:
        found = [json.loads(line) for line in run("logs", "create_order").stdout.splitlines()]
        return found if any(line.get("correlation_id") == correlation for line in found) else None

    found = poll("the order's line", lines, DEADLINE_SECONDS)
    assert any(str(line["message"]).startswith("REPORT ") for line in found if "message" in line)


def test_logs_are_followed(tenant: Tenant) -> None:
    correlation = f"follow-{uuid4()}"
    command = [sys.executable, "-m", "localstack", "logs", "create_order", "--follow"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        assert following.stdout.readline(), "what was logged already comes first"
        tenant.place(correlation)
        found = next(line for line in following.stdout if correlation in line)
        following.terminate()
    assert json.loads(found)["message"] == "order accepted"


def test_a_function_that_is_none_is_refused() -> None:
    done = run("logs", "get_ordr")
    assert done.returncode == 1
    assert "did you mean get_order?" in done.stderr
