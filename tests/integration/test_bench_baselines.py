"""The bench's baselines and measurements on a bare engine."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
import requests

from common.settings import settings
from labs.bench import baselines, starts
from labs.bench.api import creation_held
from labs.bench.baselines import Loop, behind_api
from labs.bench.cost import call, recorded
from labs.load.engine_loop import empty_loop
from labs.processes import cpu_seconds, workers
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.stack import Stack
from localstack.terraform import LocalTerraform
from ops import queues
from tests.integration.conftest import Queue
from tests.support.lambda_functions import make_function
from tests.support.user_pools import sign_in_new_user
from tooling.paths import ROOT

# Runs each of its arguments in a fork, which has imported boto3 and nothing that makes clients, and prints their names.
# Both boto3.client and the session of common/clients.py make their clients with boto3.Session.client.
_SPY = """
import json, os, sys
import boto3
import tests.support.environment
make = boto3.Session.client
for statements in sys.argv[1:]:
    names = []
    boto3.Session.client = lambda self, name, **options: names.append(name) or make(self, name, **options)
    if fork := os.fork():
        if os.waitpid(fork, 0)[1]:
            sys.exit(f"failed: {statements}")
    else:
        status = 1
        try:
            exec(statements, {})
            print(json.dumps(names), flush=True)
            status = 0
        except Exception as error:
            print(repr(error), file=sys.stderr)
        finally:
            os._exit(status)
"""


@pytest.fixture(scope="module")
def clients_made() -> dict[str, list[str]]:
    """The clients that statements make which import a handler, or which it is compared with."""
    handlers = [f"import functions.{function}.handler" for function in starts.BASELINES]
    statements = [*handlers, *(text for each in starts.BASELINES.values() for text in (each.plain, each.ours))]
    ended = subprocess.run(
        [sys.executable, "-c", _SPY, *statements], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    made = [sorted(json.loads(line)) for line in ended.stdout.splitlines()]
    return dict(zip(statements, made, strict=True))


@pytest.mark.parametrize("function", starts.BASELINES)
def test_start_baseline_makes_the_clients_of_its_function(function: str, clients_made: dict[str, list[str]]) -> None:
    """A start is compared with a process that makes the same clients and no others."""
    baseline, made = starts.BASELINES[function], clients_made[f"import functions.{function}.handler"]
    assert made
    assert made == clients_made[baseline.plain] == clients_made[baseline.ours]


@pytest.fixture
def api() -> Iterator[tuple[str, str]]:
    """The id of an API with an authorizer, as Terraform makes it, and a valid token."""
    client: Any = boto3.client("apigateway")
    user = sign_in_new_user(boto3.client("cognito-idp"))
    made = client.create_rest_api(name="orders")["id"]
    client.create_authorizer(
        restApiId=made,
        name="users",
        type="COGNITO_USER_POOLS",
        providerARNs=[user.pool_arn],
        identitySource="method.request.header.Authorization",
    )
    client.create_deployment(restApiId=made, stageName="local")
    yield made, user.tokens["IdToken"]
    client.delete_rest_api(restApiId=made)


@pytest.fixture
def ours(aws: Aws, creation_queue: Queue) -> str:
    """A function that has the environment of create_order."""
    name = make_function("def handler(event, context):\n    return None\n")
    aws.functions.update_function_configuration(
        FunctionName=name,
        Environment={
            "Variables": {"ORDER_CREATION_QUEUE_URL": creation_queue.url, "ORDERS_TABLE": settings.orders_table}
        },
    )
    return name


def test_baseline_behind_the_api_makes_the_calls_of_a_post(
    aws: Aws, stack: Stack, api: tuple[str, str], ours: str, creation_queue: Queue
) -> None:
    """The baseline has the API's authorizer, sends the body to the queue and puts an item."""
    identity, token = api
    known = replace(stack, outputs={"api_id": identity, "stage": "local", "function_names": {"create_order": ours}})
    with behind_api(known, "accept", "create_order", "POST", "orders") as root:

        def post(authorization: str) -> int:
            headers = {"Authorization": authorization}
            return requests.post(
                f"{known.api_url}/{root}/orders", json={"cartId": "c"}, headers=headers, timeout=30
            ).status_code

        assert (post(f"Bearer {token}"), post("Bearer nobody")) == (202, 401)
    assert creation_queue.take() == {"cartId": "c"}
    condition = {"KeyConditionExpression": "PK = :pk", "ExpressionAttributeValues": {":pk": {"S": "BASELINE"}}}
    assert aws.dynamodb.query(TableName=settings.orders_table, **condition)["Count"] == 1  # type: ignore[arg-type]


def test_held_queue_keeps_messages_and_then_deletes_them(
    aws: Aws, stack: Stack, ours: str, creation_queue: Queue
) -> None:
    """While the queue is held nothing consumes it; afterwards it is empty, and its consumer enabled."""
    consuming = {
        "Effect": "Allow",
        "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        "Resource": creation_queue.arn,
    }
    aws.iam.put_role_policy(
        RoleName=ours,
        PolicyName="consume",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [consuming]}),
    )
    aws.functions.create_event_source_mapping(FunctionName=f"{ours}:live", EventSourceArn=creation_queue.arn)
    known = replace(stack, outputs={"queue_names": {"order_creator_record": creation_queue.name}})

    def state() -> Any:
        return queues.states(aws.sqs, aws.functions, [creation_queue.name])[0]

    with creation_held(known):
        aws.sqs.send_message(QueueUrl=creation_queue.url, MessageBody="{}")
        assert (state().waiting, state().consumer) == (1, "Disabled")
    assert (state().waiting, state().hidden, state().consumer) == (0, 0, "Enabled")


@pytest.mark.usefixtures("aws")
def test_loop_handles_every_message(stack: Stack, aws: Aws) -> None:
    """Each message passes the table, the topic and three queues; the functions' processes are found."""
    with Loop.open(stack) as baseline:
        baseline.run(3, seconds=180)
        assert len(aws.dynamodb.scan(TableName=baseline.name)["Items"]) == 3
        names = {worker.function for worker in workers(stack) if worker.function.startswith(baseline.name)}
        assert names == {f"{baseline.name}-{use}" for use in ("first", "pdf", "internal", "customer")}
        assert cpu_seconds(stack)[f"{baseline.name}-first"] > 0
    functions = [each["FunctionName"] for each in aws.functions.list_functions()["Functions"]]
    assert not [name for name in functions if name.startswith(baseline.name)]


@pytest.fixture
def made(aws: Aws) -> Callable[[], dict[str, list[str]]]:
    """Names of what there is in the engine of the kinds that baselines make."""

    def names() -> dict[str, list[str]]:
        mappings = aws.functions.list_event_source_mappings()["EventSourceMappings"]
        return {
            "functions": [each["FunctionName"] for each in aws.functions.list_functions()["Functions"]],
            "mappings": [each["UUID"] for each in mappings],
            "queues": aws.sqs.list_queues().get("QueueUrls", []),
            "roles": [each["RoleName"] for each in aws.iam.list_roles()["Roles"]],
            "tables": aws.dynamodb.list_tables()["TableNames"],
            "topics": [each["TopicArn"] for each in aws.sns.list_topics()["Topics"]],
        }

    return names


def test_loop_that_cannot_be_made_leaves_nothing(
    stack: Stack, made: Callable[[], dict[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the second function has no package, the first one and everything else are removed."""
    before = made()
    packages = [baselines.package()]
    monkeypatch.setattr(baselines, "package", lambda _: packages.pop())
    with pytest.raises(IndexError), Loop.open(stack):
        pass
    assert made() == before


def test_baseline_that_cannot_be_put_behind_the_api_leaves_nothing(
    stack: Stack, made: Callable[[], dict[str, list[str]]], ours: str
) -> None:
    """Without an authorizer, the function and the API's resources are removed."""
    client: Any = boto3.client("apigateway")
    identity = client.create_rest_api(name="no-authorizer")["id"]
    known = replace(stack, outputs={"api_id": identity, "stage": "local", "function_names": {"create_order": ours}})
    before = made()
    with pytest.raises(IndexError), behind_api(known, "accept", "create_order", "POST", "orders/{orderId}"):
        pass
    assert made() == before
    assert [each["path"] for each in client.get_resources(restApiId=identity)["items"]] == ["/"]
    client.delete_rest_api(restApiId=identity)


def test_empty_loop_leaves_the_stack_as_applied(
    aws: Aws,
    stack: Stack,
    api: tuple[str, str],
    ours: str,
    creation_queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next `make up` applies nothing after the loop, but still what somebody else changed while it ran."""
    monkeypatch.setattr("labs.load.engine_loop._WARM", 2)
    identity, token = api
    names = dict.fromkeys(("create_order", "get_order", "list_orders"), ours)
    outputs = {"api_id": identity, "stage": "local", "function_names": names}
    known = replace(stack, outputs=outputs, ports={**stack.ports, "cart": 1})
    resources: Any = boto3.client("apigateway").get_resources

    def paths() -> list[str]:
        return sorted(each["path"] for each in resources(restApiId=identity, limit=500)["items"])

    before = paths()
    LocalTerraform(known).mark_applied()
    with empty_loop(known) as loop:
        url = f"{known.api_url}{loop['POST order']}"
        response = requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert response.status_code == 202
    assert paths() == before
    assert LocalTerraform(stacks.load(stack.directory)).reason_to_apply() is None
    with empty_loop(known):
        aws.sqs.set_queue_attributes(QueueUrl=creation_queue.url, Attributes={"VisibilityTimeout": "9"})
    reason = LocalTerraform(stacks.load(stack.directory)).reason_to_apply() or ""
    assert "sqs:SetQueueAttributes" in reason


@pytest.mark.usefixtures("aws")
def test_recorded_has_the_calls_of_functions_only(stack: Stack) -> None:
    """CloudTrail lists each call of a function, and the test's own calls are left out."""
    with Loop.open(stack) as baseline:
        baseline.run(1, seconds=180)
        with recorded(stack) as events:
            baseline.run(4, seconds=180)
        first = f"{baseline.name}-first"
        calls = Counter(call(name, event)[:2] for name, event in events)
        assert calls == {(first, "dynamodb:PutItem"): 4, (first, "sns:Publish"): 4}
