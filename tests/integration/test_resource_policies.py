"""What the policies of buckets and queues refuse to every caller, as Terraform plans them for DEV."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from localstack.stack import SIGNATURE, Stack
from tests.support.plans import resources
from tests.support.secure_engine import secure_engine
from tooling.polling import poll

ACCOUNT, REGION = "536580886816", "af-south-1"
PREFIX = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
EVENTS = f"arn:aws:sns:{REGION}:{ACCOUNT}:bbws-order-events-dev"


def client(stack: Stack, service: Any, key: dict[str, str] | None = None) -> Any:
    """A client of the account's root user, or of the user with this access key."""
    return boto3.client(
        service,
        endpoint_url=stack.endpoint,
        verify=stack.certificates.bundle if stack.certificates else True,
        aws_access_key_id=key["AccessKeyId"] if key else ACCOUNT,
        aws_secret_access_key=key["SecretAccessKey"] if key else SIGNATURE,
        region_name=REGION,
    )


def user(stack: Stack, name: str, *statements: dict[str, Any]) -> dict[str, str]:
    """Create a user with these permissions only; returns the access key."""
    iam = client(stack, "iam")
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    key: dict[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
    return key


@pytest.fixture(scope="module")
def planned(plans: Path) -> list[dict[str, Any]]:
    """The resources that Terraform plans for DEV: type and known values of each."""
    found = resources(json.loads((plans / "dev.json").read_text()))
    return [{"type": resource["type"], **resource.get("values", {})} for resource in found]


def make(stack: Stack, planned: list[dict[str, Any]]) -> None:
    """Create the queues and buckets."""
    sqs, s3 = client(stack, "sqs"), client(stack, "s3")
    for resource in planned:
        match resource["type"]:
            case "aws_sqs_queue":
                sqs.create_queue(QueueName=resource["name"], Attributes={"Policy": resource["policy"]})
            case "aws_s3_bucket":
                where = {"LocationConstraint": REGION}
                s3.create_bucket(Bucket=resource["bucket"], CreateBucketConfiguration=where)
    (orders,) = [bucket for bucket in buckets(planned) if bucket.startswith("bbws-orders")]
    s3.put_object(Bucket=orders, Key="tenant-a/orders/order_1.pdf", Body=b"%PDF")
    for resource in planned:
        match resource["type"]:
            case "aws_s3_bucket_policy":
                bucket = json.loads(resource["policy"])["Statement"][0]["Resource"][0].rpartition(":")[2]
                s3.put_bucket_policy(Bucket=bucket, Policy=resource["policy"])
            case "aws_s3_bucket_public_access_block":
                names = {
                    "BlockPublicAcls": "block_public_acls",
                    "IgnorePublicAcls": "ignore_public_acls",
                    "BlockPublicPolicy": "block_public_policy",
                    "RestrictPublicBuckets": "restrict_public_buckets",
                }
                settings = {name: resource[planned_name] for name, planned_name in names.items()}
                for bucket in buckets(planned):
                    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=settings)


def buckets(planned: list[dict[str, Any]]) -> list[str]:
    """The names of the buckets."""
    return [resource["bucket"] for resource in planned if resource["type"] == "aws_s3_bucket"]


def queues(planned: list[dict[str, Any]]) -> list[str]:
    """The names of the queues and DLQs."""
    return [resource["name"] for resource in planned if resource["type"] == "aws_sqs_queue"]


@pytest.fixture(scope="module")
def plain(stack: Stack, planned: list[dict[str, Any]]) -> Stack:
    """An engine with plain HTTP."""
    make(stack, planned)
    return stack


@pytest.fixture(scope="module")
def secure(planned: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An engine with TLS."""
    with secure_engine(tmp_path_factory.mktemp("secure")) as stack:
        make(stack, planned)
        yield stack


def outcome(call: Callable[[], object]) -> str:
    """The error code of a call, `denied` for every denial, or `done`."""
    try:
        call()
    except ClientError as error:
        code: str = error.response["Error"]["Code"]
        return "denied" if code.startswith("AccessDenied") else code
    return "done"


def outcomes(stack: Stack, planned: list[dict[str, Any]], key: dict[str, str]) -> set[str]:
    """The outcomes of a user's calls on each bucket (put, get, list) and each queue (send, receive, purge)."""
    s3, sqs = client(stack, "s3", key), client(stack, "sqs", key)
    found = set()
    for bucket in buckets(planned):
        found.add(outcome(partial(s3.put_object, Bucket=bucket, Key="a", Body=b"a")))
        found.add(outcome(partial(s3.get_object, Bucket=bucket, Key="a")))
        found.add(outcome(partial(s3.list_objects_v2, Bucket=bucket)))
    for queue in queues(planned):
        url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}"
        found.add(outcome(partial(sqs.send_message, QueueUrl=url, MessageBody="a")))
        found.add(outcome(partial(sqs.receive_message, QueueUrl=url, VisibilityTimeout=0)))
        found.add(outcome(partial(sqs.purge_queue, QueueUrl=url)))
    return found


EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def test_buckets_and_queues_are_encrypted(planned: list[dict[str, Any]]) -> None:
    """The two buckets and the four queues with their DLQs are encrypted, and the buckets block public access."""
    assert sorted(buckets(planned)) == ["bbws-email-templates-dev", "bbws-orders-dev"]
    assert len(queues(planned)) == 8
    for kind, protected in (("aws_s3_bucket_policy", 2), ("aws_s3_bucket_public_access_block", 2)):
        assert sum(resource["type"] == kind for resource in planned) == protected
    encrypted = [r for r in planned if r["type"] == "aws_s3_bucket_server_side_encryption_configuration"]
    assert len(encrypted) == 2
    assert all(resource["sqs_managed_sse_enabled"] for resource in planned if resource["type"] == "aws_sqs_queue")


def test_plain_http_is_denied_to_an_administrator(plain: Stack, planned: list[dict[str, Any]]) -> None:
    """Buckets and queues deny plain HTTP even to an administrator."""
    assert outcomes(plain, planned, user(plain, "administrator", EVERYTHING)) == {"denied"}


def test_tls_is_allowed_to_an_administrator(secure: Stack, planned: list[dict[str, Any]]) -> None:
    """Buckets and queues allow an administrator's calls over TLS."""
    assert outcomes(secure, planned, user(secure, "administrator", EVERYTHING)) == {"done"}


def test_user_without_permissions_is_denied(secure: Stack, planned: list[dict[str, Any]]) -> None:
    """No policy of a bucket or queue gives access to a user without permissions."""
    assert outcomes(secure, planned, user(secure, "nobody")) == {"denied"}


def test_queue_accepts_messages_of_its_topic_only(secure: Stack, planned: list[dict[str, Any]]) -> None:
    """A queue accepts messages of the order events topic and of no other topic."""
    sns, sqs = client(secure, "sns"), client(secure, "sqs")
    own, foreign = (sns.create_topic(Name=name)["TopicArn"] for name in ("bbws-order-events-dev", "foreign"))
    assert own == EVENTS
    for queue in queues(planned):
        for topic in (foreign, own):
            sns.subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=PREFIX + queue, Attributes={"RawMessageDelivery": "true"}
            )
    for topic in (foreign, own):
        sns.publish(TopicArn=topic, Message=topic)
    subscribed = {"bbws-order-pdf-dev", "bbws-order-internal-notification-dev", "bbws-order-customer-notification-dev"}

    def bodies(queue: str) -> list[str]:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        response = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in response.get("Messages", [])]

    # The foreign topic was published to first, so its message would be there by now.
    poll("the messages of their topic", lambda: all(bodies(queue) for queue in subscribed) or None, 10)
    assert {queue: bodies(queue) for queue in queues(planned)} == {
        queue: [EVENTS] if queue in subscribed else [] for queue in queues(planned)
    }


def test_invoice_is_never_public(secure: Stack, planned: list[dict[str, Any]]) -> None:
    """An invoice is not readable without credentials, and cannot be made public by mistake."""
    s3, bundle = client(secure, "s3"), secure.certificates and secure.certificates.bundle
    address = f"{secure.endpoint}/bbws-orders-dev/tenant-a/orders/order_1.pdf"
    assert requests.get(address, verify=bundle, timeout=10).status_code == 403
    public = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bbws-orders-dev/*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [public]})
    assert outcome(lambda: s3.put_bucket_policy(Bucket="bbws-orders-dev", Policy=document)) == "denied"
    key = "tenant-a/orders/order_1.pdf"
    assert outcome(lambda: s3.put_object_acl(Bucket="bbws-orders-dev", Key=key, ACL="public-read")) != "done"
    assert requests.get(address, verify=bundle, timeout=10).status_code == 403
