"""Floors of the bench on an engine: they stand beside a function, do what they are to do, and leave nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from labs.bench.api import creation_held
from labs.bench.floors import beside
from localstack.aws import Aws
from localstack.stack import Stack
from ops import queues
from tests.integration.conftest import Queue
from tests.support.lambda_functions import make_function
from tests.support.user_pools import sign_in_somebody


@pytest.fixture
def api() -> Iterator[tuple[str, str]]:
    """The id of an API with an authorizer, as Terraform makes them, and a token that it takes."""
    client: Any = boto3.client("apigateway")
    user = sign_in_somebody(boto3.client("cognito-idp"))
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
    """A function that may send to the queue, as create_order may."""
    name = make_function("def handler(event, context):\n    return None\n")
    aws.functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"ORDER_CREATION_QUEUE_URL": creation_queue.url}}
    )
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": creation_queue.arn}
    logs = f"arn:aws:logs:af-south-1:000000000000:log-group:/aws/lambda/{name}:*"
    write = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": logs}
    aws.iam.put_role_policy(
        RoleName=name,
        PolicyName="function",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [send, write]}),
    )
    return name


def test_a_floor_sends_one_message_and_is_gone_afterwards(
    aws: Aws, stack: Stack, api: tuple[str, str], ours: str, creation_queue: Queue
) -> None:
    identity, token = api
    outputs = {
        "api_id": identity,
        "stage": "local",
        "function_names": {"create_order": ours},
        "role_names": {"create_order": ours},
    }
    known = replace(stack, outputs=outputs)
    paths: Any = boto3.client("apigateway")

    def post(authorization: str) -> int:
        headers = {"Authorization": authorization}
        url = f"{known.api_url}{beside.CREATE.path}"
        return requests.post(url, json={"cartId": "c"}, headers=headers, timeout=30).status_code

    with beside.beside(known, beside.CREATE):
        assert (post(f"Bearer {token}"), post("Bearer nobody")) == (202, 401)
        assert creation_queue.take() == {"cartId": "c"}
        # Its log is its own: the function's rights are for the function's.
        assert aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{beside.CREATE.name}")["logGroups"]
    assert [found["path"] for found in paths.get_resources(restApiId=identity)["items"]] == ["/"]
    assert not aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{beside.CREATE.name}")["logGroups"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws.functions.get_function(FunctionName=beside.CREATE.name)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        aws.iam.get_role(RoleName=beside.CREATE.name)


def test_a_floor_that_cannot_be_put_leaves_nothing(aws: Aws, stack: Stack, ours: str) -> None:
    outputs = {"api_id": "none", "function_names": {"create_order": ours}, "role_names": {"create_order": ours}}
    with pytest.raises(ClientError), beside.beside(replace(stack, outputs=outputs), beside.CREATE):
        pytest.fail("there is no such API")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws.functions.get_function(FunctionName=beside.CREATE.name)


def test_messages_stay_in_the_creation_queue_while_it_is_held_and_are_then_thrown_away(
    aws: Aws, stack: Stack, ours: str, creation_queue: Queue
) -> None:
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

    def state() -> queues.QueueState:
        return queues.states(aws.sqs, aws.functions, [creation_queue.name])[0]

    with creation_held(aws, known):
        aws.sqs.send_message(QueueUrl=creation_queue.url, MessageBody="{}")
        assert (state().waiting, state().consumer) == (1, "Disabled")
    assert (state().waiting, state().hidden, state().consumer) == (0, 0, "Enabled")
