"""An engine lacks what the skipped tests need: when it has it, they must run."""

from collections.abc import Callable
from uuid import uuid4

import pytest
import requests
from botocore.exceptions import ClientError

from e2e.tenant import Tenant
from localstack import engines
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.stack import REGION, Stack
from localstack.targets import Platform

pytestmark = pytest.mark.sidecars


def answers(call: Callable[[], object]) -> bool:
    """Whether the engine serves a call."""
    try:
        call()
    except ClientError as error:
        status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status < 500
    return True


def enforces_iam(aws: Aws) -> bool:
    """Whether a user without a policy is denied."""
    name = f"user-{uuid4().hex[:8]}"
    aws.iam.create_user(UserName=name)
    key = aws.iam.create_access_key(UserName=name)["AccessKey"]
    sqs = aws.session.client(
        "sqs",
        endpoint_url=aws.sqs.meta.endpoint_url,
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    try:
        sqs.list_queues()
    except ClientError:
        return True
    finally:
        aws.iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        aws.iam.delete_user(UserName=name)
    return False


def keeps_state(stack: Stack) -> bool:
    """Whether the engine can be started again with what it held: LocalStack can, with a token."""
    if stack.engine == "embedded":
        return True
    info = requests.get(f"{stack.endpoint}/_localstack/info", timeout=10).json()
    return bool(info["is_license_activated"])


def publishes_metrics(aws: Aws) -> bool:
    """Whether an order that was placed has left a metric."""
    return bool(aws.cloudwatch.list_metrics(Namespace="OrderService")["Metrics"])


def test_engine_lacks_what_skipped_tests_need(platform: Platform, tenant: Tenant) -> None:
    """The engine has exactly the features that no test is skipped for."""
    tenant.invoiced(tenant.place())
    aws, stack = platform.aws, stacks.require()
    found = {
        "IAM": enforces_iam(aws),
        "CloudTrail": answers(lambda: aws.client("cloudtrail").lookup_events(MaxResults=1)),
        "Cognito": answers(lambda: aws.cognito.list_user_pools(MaxResults=1)),
        "mail feedback": answers(lambda: aws.sesv2.list_suppressed_destinations()),
        "snapshots": keeps_state(stack),
        "metrics": publishes_metrics(aws),
    }
    lacks = engines.lacks(stack.engine)
    assert {name for name, there in found.items() if not there} == set(lacks)
