"""The engine's record of calls that may have changed Terraform's resources."""

from uuid import uuid4

import pytest
import requests

from common.settings import settings
from localstack import seed
from localstack.aws import Aws
from localstack.stack import Stack
from tests.support.lambda_functions import make_function
from tests.support.user_pools import sign_in_new_user


@pytest.fixture
def queue(aws: Aws) -> str:
    """URL of a queue."""
    return aws.sqs.create_queue(QueueName=f"changes-{uuid4().hex[:8]}")["QueueUrl"]


def recorded(stack: Stack) -> list[str]:
    """Calls recorded so far."""
    return stack.changes_file.read_text().splitlines()


def test_change_of_resource_is_recorded(aws: Aws, stack: Stack, queue: str) -> None:
    """Calls that change a resource are recorded in order."""
    before = recorded(stack)
    aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    aws.s3.put_object(Bucket=settings.templates_bucket, Key=f"{uuid4()}.txt", Body=b"by hand")
    api = aws.client("apigateway").create_rest_api(name="changes")["id"]
    aws.client("apigateway").delete_rest_api(restApiId=api)
    calls = ["sqs:SetQueueAttributes", "s3:PutObject", "apigateway:POST", "apigateway:DELETE"]
    assert recorded(stack) == before + calls


def test_call_to_engine_is_recorded(stack: Stack) -> None:
    """A call that configures the engine is recorded."""
    before = recorded(stack)
    requests.post(f"{stack.endpoint}/_ministack/config", json={}, timeout=10)
    assert recorded(stack) == [*before, "/_ministack/config"]


def test_reads_traffic_and_users_are_not_recorded(aws: Aws, stack: Stack, queue: str) -> None:
    """Reads, traffic and users are not recorded."""
    function = make_function("def handler(event, context): return 1")
    pool = sign_in_new_user(aws.cognito).pool_arn.rpartition("/")[2]
    before = recorded(stack)
    seed.add_user(aws.cognito, pool, "b@example.com", seed.PASSWORD, "tenant-1")
    aws.sqs.send_message(QueueUrl=queue, MessageBody="text")
    aws.sqs.receive_message(QueueUrl=queue)
    aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
    aws.functions.invoke(FunctionName=function)
    aws.functions.list_functions()
    aws.dynamodb.put_item(TableName=settings.idempotency_table, Item={"id": {"S": str(uuid4())}})
    aws.sns.publish(TopicArn=settings.order_events_topic_arn, Message="text")
    aws.client("apigateway").get_rest_apis()
    aws.s3.list_objects_v2(Bucket=settings.templates_bucket)
    requests.get(f"{stack.endpoint}/_ministack/ses/messages", timeout=10)
    assert recorded(stack) == before


def test_calls_of_function_role_are_not_recorded(aws: Aws, stack: Stack) -> None:
    """Calls of a function's role are not recorded."""
    source = "\n".join(
        (
            "import boto3",
            "def handler(event, context):",
            "    boto3.client('s3').put_object(Bucket=event['bucket'], Key='by a role', Body=b'')",
        )
    )
    function = make_function(source)
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}'
    aws.iam.put_role_policy(RoleName=function, PolicyName="writes", PolicyDocument=policy)
    before = recorded(stack)
    response = aws.functions.invoke(FunctionName=function, Payload=f'{{"bucket": "{settings.orders_bucket}"}}')
    assert "FunctionError" not in response, response["Payload"].read()
    assert aws.s3.head_object(Bucket=settings.orders_bucket, Key="by a role")
    assert recorded(stack) == before
