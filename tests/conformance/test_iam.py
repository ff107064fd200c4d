"""What policies allow and deny."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.conformance.engines import Clients, Engine
from tests.conformance.resources import KNOWN_SECONDS, Resources, code_of
from tests.conformance.test_ses import DOMAIN, SENDER, mail
from tooling.polling import poll


def allowed(call: Callable[[], object]) -> None:
    """Check that a call is allowed as soon as its policy is active."""

    def attempt() -> bool | None:
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"].startswith("AccessDenied"):
                return None
            raise
        return True

    poll("the call is allowed", attempt, KNOWN_SECONDS)


def test_user_without_policy_is_denied(make: Resources) -> None:
    """A user without a policy is denied with AccessDenied.

    Source: IAM User Guide, "Policy evaluation logic"
    <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
    """
    queue, nobody = make.queue(), make.user()
    code = code_of(lambda: nobody("sqs").send_message(QueueUrl=queue.url, MessageBody="x"))
    assert code.rpartition(".")[2].startswith("AccessDenied")


def test_other_resource_is_denied(make: Resources) -> None:
    """A permission on one queue does not allow calls on another.

    Source: IAM User Guide, "IAM JSON policy elements: Resource"
    <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
    """
    mine, other = make.queue(), make.queue()
    user = make.user({"Action": "sqs:SendMessage", "Resource": mine.arn})
    allowed(lambda: user("sqs").send_message(QueueUrl=mine.url, MessageBody="x"))
    code = code_of(lambda: user("sqs").send_message(QueueUrl=other.url, MessageBody="x"))
    assert code.rpartition(".")[2].startswith("AccessDenied")


def test_deny_overrides_allow(make: Resources) -> None:
    """An explicit Deny overrides any Allow.

    Source: IAM User Guide, "Policy evaluation logic"
    <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
    """
    queue = make.queue()
    user = make.user(
        {"Action": "sqs:*", "Resource": queue.arn},
        {"Effect": "Deny", "Action": "sqs:PurgeQueue", "Resource": queue.arn},
    )
    allowed(lambda: user("sqs").send_message(QueueUrl=queue.url, MessageBody="x"))
    code = code_of(lambda: user("sqs").purge_queue(QueueUrl=queue.url))
    assert code.rpartition(".")[2].startswith("AccessDenied")


def test_missing_object_is_denied_without_list(aws: Clients, make: Resources) -> None:
    """A missing object is AccessDenied, not NoSuchKey, to a user who may read but not list the bucket.

    Source: S3 API Reference, "GetObject", permissions
    <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    """
    bucket = make.bucket()
    aws("s3").put_object(Bucket=bucket, Key="there", Body=b"1")
    user = make.user({"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"})
    allowed(lambda: user("s3").get_object(Bucket=bucket, Key="there"))
    assert code_of(lambda: user("s3").get_object(Bucket=bucket, Key="none")) == "AccessDenied"


def test_bucket_policy_denies_despite_user_policy(engine: Engine, aws: Clients, make: Resources) -> None:
    """A Deny in a bucket's policy overrides what the user's own policy allows.

    Source: IAM User Guide, "Policy evaluation logic"
    <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
    """
    bucket = make.bucket()
    aws("s3").put_object(Bucket=bucket, Key="key", Body=b"1")
    user = make.user({"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"})
    allowed(lambda: user("s3").get_object(Bucket=bucket, Key="key"))
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    aws("s3").put_bucket_policy(Bucket=bucket, Policy=document)

    def denied() -> bool | None:
        try:
            user("s3").get_object(Bucket=bucket, Key="key")
        except ClientError as error:
            return error.response["Error"]["Code"] == "AccessDenied" or None
        return None

    assert poll("the policy is known", denied, KNOWN_SECONDS if engine.endpoint is None else 2)


def sends(user: Clients, sender: str) -> Callable[[], object]:
    """A call that sends a mail."""
    to = "success@simulator.amazonses.com"
    return lambda: user("ses").send_raw_email(Source=sender, Destinations=[to], RawMessage={"Data": mail(to, sender)})


def test_mail_from_other_sender_is_denied(engine: Engine, aws: Clients, make: Resources) -> None:
    """A permission with ses:FromAddress allows mail from that address and from no other of the domain.

    Source: SES Developer Guide, "Identity and access management in Amazon SES", condition keys
    <https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html>
    """
    if engine.endpoint:
        aws("ses").verify_domain_identity(Domain=DOMAIN)
    user = make.user(
        {
            "Action": "ses:SendRawEmail",
            "Resource": make.arn("ses", f"identity/{DOMAIN}"),
            "Condition": {"StringEquals": {"ses:FromAddress": SENDER}},
        }
    )
    allowed(sends(user, SENDER))
    assert code_of(sends(user, f"ceo@{DOMAIN}")).startswith("AccessDenied")


@pytest.mark.needs("DynamoDB")
def test_index_needs_its_own_permission(make: Resources, table: str) -> None:
    """A permission to query a table does not allow queries of its index.

    Source: DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control", index ARNs
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>
    """
    user = make.user({"Action": "dynamodb:Query", "Resource": make.arn("dynamodb", f"table/{table}")})
    query = {"TableName": table, "ExpressionAttributeValues": {":key": {"S": "P"}}}
    allowed(lambda: user("dynamodb").query(**query, KeyConditionExpression="PK = :key"))
    by_index = {**query, "IndexName": "OrderByIdIndex", "KeyConditionExpression": "GSI2_PK = :key"}
    assert code_of(lambda: user("dynamodb").query(**by_index)) == "AccessDeniedException"


@pytest.mark.needs("DynamoDB")
def test_transaction_needs_permissions_of_its_operations(make: Resources, table: str) -> None:
    """A transaction needs the permission of each of its operations, PutItem and UpdateItem, and no further one.

    Source: DynamoDB Developer Guide, "Using IAM with DynamoDB transactions"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
    """
    arn = make.arn("dynamodb", f"table/{table}")
    both = make.user({"Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"], "Resource": arn})
    one = make.user({"Action": "dynamodb:PutItem", "Resource": arn})
    key = {"PK": {"S": "P"}, "SK": {"S": "transaction"}}
    items = [
        {"Put": {"TableName": table, "Item": key}},
        {
            "Update": {
                "TableName": table,
                "Key": {**key, "SK": {"S": "counter"}},
                "UpdateExpression": "SET lastNumber = :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
    ]
    allowed(lambda: both("dynamodb").transact_write_items(TransactItems=items))
    allowed(lambda: one("dynamodb").put_item(TableName=table, Item=key))
    assert code_of(lambda: one("dynamodb").transact_write_items(TransactItems=items)) == "AccessDeniedException"
