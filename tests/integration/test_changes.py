"""The engine's notes of calls that may have changed what Terraform made."""

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
    """The URL of a queue."""
    return aws.sqs.create_queue(QueueName=f"changes-{uuid4().hex[:8]}")["QueueUrl"]


def noted(stack: Stack) -> list[str]:
    """The calls noted so far."""
    return stack.changes_file.read_text().splitlines()


def test_a_call_that_changes_a_resource_is_noted(aws: Aws, stack: Stack, queue: str) -> None:
    before = noted(stack)
    aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    aws.s3.put_object(Bucket=settings.templates_bucket, Key=f"{uuid4()}.txt", Body=b"by hand")
    api = aws.client("apigateway").create_rest_api(name="changes")["id"]
    aws.client("apigateway").delete_rest_api(restApiId=api)
    calls = ["sqs:SetQueueAttributes", "s3:PutObject", "apigateway:POST", "apigateway:DELETE"]
    assert noted(stack) == before + calls


def test_a_call_to_the_engine_itself_is_noted(stack: Stack) -> None:
    before = noted(stack)
    requests.post(f"{stack.endpoint}/_ministack/config", json={}, timeout=10)
    assert noted(stack) == [*before, "/_ministack/config"]


def test_reads_traffic_and_users_are_not_noted(aws: Aws, stack: Stack, queue: str) -> None:
    function = make_function("def handler(event, context): return 1")
    pool = sign_in_new_user(aws.cognito).pool_arn.rpartition("/")[2]
    before = noted(stack)
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
    assert noted(stack) == before


def test_what_a_functions_role_does_is_not_noted(aws: Aws, stack: Stack) -> None:
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
    before = noted(stack)
    answer = aws.functions.invoke(FunctionName=function, Payload=f'{{"bucket": "{settings.orders_bucket}"}}')
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert aws.s3.head_object(Bucket=settings.orders_bucket, Key="by a role")
    assert noted(stack) == before
