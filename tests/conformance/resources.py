"""Creates the resources of a test on an engine, and deletes them again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from tests.conformance.engines import Clients, Engine
from tests.support import orders_table
from tooling.polling import poll

# AWS needs some seconds to know of a new role or user everywhere.
KNOWN_SECONDS = 60
ARRIVAL_SECONDS = 30
ALIAS = "live"


def unique(prefix: str = "conformance") -> str:
    """A unique name."""
    return f"{prefix}-{uuid4().hex[:12]}"


def code_of(call: Callable[[], object]) -> str:
    """The error code of a refused call.

    Raises:
        AssertionError: The call was not refused.
    """
    try:
        response = call()
    except ClientError as error:
        code: str = error.response["Error"]["Code"]
        return code
    raise AssertionError(f"not refused: {response}")


def policy(*statements: dict[str, Any]) -> str:
    """A policy document; statements without an effect allow."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **of} for of in statements]})


def package(source: str) -> bytes:
    """The package of a function, as a zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("function.py", source)
    return content.getvalue()


@dataclass(frozen=True)
class Queue:
    """Name, URL and ARN of a queue."""

    name: str
    url: str
    arn: str


class Resources:
    """Creates resources on an engine; those that are left at the end are deleted, the last first.

    Args:
        engine: Engine that gets the resources.
        aws: Clients with all permissions.
        end: Collects the deletions.
    """

    def __init__(self, engine: Engine, aws: Clients, end: ExitStack) -> None:
        self._engine = engine
        self._aws = aws
        self._end = end

    def at_end(self, call: Callable[..., object], **arguments: Any) -> None:
        """Call this when the test ends."""
        self._end.callback(call, **arguments)

    def arn(self, service: str, rest: str) -> str:
        """An ARN in the engine's account and region."""
        return f"arn:aws:{service}:{self._engine.region}:{self._engine.account}:{rest}"

    def queue(self, **attributes: str) -> Queue:
        """Create a queue."""
        sqs, name = self._aws("sqs"), unique()
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self._end.callback(sqs.delete_queue, QueueUrl=url)
        return Queue(name, url, self.arn("sqs", name))

    def topic(self) -> str:
        """Create a topic and return its ARN."""
        sns = self._aws("sns")
        arn: str = sns.create_topic(Name=unique())["TopicArn"]
        self._end.callback(sns.delete_topic, TopicArn=arn)
        return arn

    def subscribed(self, topic: str, **attributes: str) -> Queue:
        """Create a queue and subscribe it to a topic."""
        queue = self.queue()
        allow = {
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        self._aws("sqs").set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy(allow)})
        arn = self._aws("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes, ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        self._end.callback(self._aws("sns").unsubscribe, SubscriptionArn=arn)
        return queue

    def bucket(self) -> str:
        """Create a versioned bucket and return its name."""
        s3, name = self._aws("s3"), unique()
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self._engine.region})
        self._end.callback(self._empty_and_delete, name)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def _empty_and_delete(self, bucket: str) -> None:
        s3 = self._aws("s3")
        listed = s3.list_object_versions(Bucket=bucket)
        for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        s3.delete_bucket(Bucket=bucket)

    def table(self) -> str:
        """Create a table with the keys and indexes of the orders table and return its name."""
        dynamodb, name = self._aws("dynamodb"), unique()
        orders_table.create(dynamodb, name)
        self._end.callback(dynamodb.delete_table, TableName=name)
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        return name

    def user(self, *statements: dict[str, Any]) -> Clients:
        """Create a user with these permissions only and return its clients."""
        iam, name = self._aws("iam"), unique()
        iam.create_user(UserName=name)
        self._end.callback(iam.delete_user, UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy(*statements))
            self._end.callback(iam.delete_user_policy, UserName=name, PolicyName="all")
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._end.callback(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
        clients = Clients(self._engine, key)

        def known() -> bool | None:
            try:
                return bool(clients("sts").get_caller_identity())
            except ClientError:
                return None

        poll(f"user {name} is known", known, KNOWN_SECONDS)
        return clients

    def role(self, service: str, *statements: dict[str, Any]) -> str:
        """Create a role that a service may assume and return its ARN."""
        iam, name = self._aws("iam"), unique()
        trust = policy({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self._end.callback(iam.delete_role, RoleName=name)
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(*statements))
            self._end.callback(iam.delete_role_policy, RoleName=name, PolicyName="all")
        return arn

    def function(self, source: str, *statements: dict[str, Any], seconds: int = 5) -> str:
        """Create a function with a timeout whose alias `live` is at its first version, and return its name."""
        functions, name = self._aws("lambda"), unique()
        role = self.role("lambda.amazonaws.com", *statements)

        def created() -> bool | None:
            try:
                functions.create_function(
                    FunctionName=name,
                    Runtime="python3.12",
                    Role=role,
                    Handler="function.handler",
                    Code={"ZipFile": package(source)},
                    Timeout=seconds,
                )
            except functions.exceptions.InvalidParameterValueException:
                return None  # The role is not known everywhere yet.
            return True

        poll(f"function {name} is made", created, KNOWN_SECONDS)
        self._end.callback(self._delete_function, name)
        self._active(name)
        self.publish(name)
        functions.create_alias(FunctionName=name, Name=ALIAS, FunctionVersion="1")
        return name

    def _delete_function(self, function: str) -> None:
        # An engine that never made the function ready cannot delete it either; it ends with the run.
        with suppress(ClientError) if "Lambda" in self._engine.lacks else nullcontext():
            self._aws("lambda").delete_function(FunctionName=function)

    def _active(self, function: str) -> None:
        """Wait until a function is created or changed; an engine that cannot run functions need not be ready."""
        if "invocations" not in self._engine.lacks:
            waiter = self._aws("lambda").get_waiter("function_updated_v2")
            waiter.wait(FunctionName=function, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

    def publish(self, function: str, source: str | None = None) -> str:
        """Publish a version, with new code if given, and return its number."""
        functions = self._aws("lambda")
        if source:
            functions.update_function_code(FunctionName=function, ZipFile=package(source))
            self._active(function)
        version: str = functions.publish_version(FunctionName=function)["Version"]
        return version

    def mapping(self, queue: Queue, function: str, **options: Any) -> dict[str, Any]:
        """Map a queue to the function's alias."""
        functions = self._aws("lambda")

        def created() -> dict[str, Any] | None:
            try:
                made: dict[str, Any] = functions.create_event_source_mapping(
                    EventSourceArn=queue.arn, FunctionName=f"{function}:{ALIAS}", **options
                )
            except ClientError as error:
                if "execution role" in str(error):
                    return None  # IAM has not propagated the role's permissions yet.
                raise
            return made

        made = poll("the event source mapping", created, KNOWN_SECONDS)
        self._end.callback(functions.delete_event_source_mapping, UUID=made["UUID"])
        return made

    def received(self, queue: Queue, **options: Any) -> dict[str, Any]:
        """Wait for the next message of a queue and return it; it stays in the queue, hidden for a minute."""
        options = {"VisibilityTimeout": 60, "MessageSystemAttributeNames": ["All"], **options}

        def attempt() -> dict[str, Any] | None:
            response = self._aws("sqs").receive_message(
                QueueUrl=queue.url, WaitTimeSeconds=1, MessageAttributeNames=["All"], **options
            )
            found: list[dict[str, Any]] = response.get("Messages", [])
            return found[0] if found else None

        return poll(f"a message in {queue.name}", attempt, ARRIVAL_SECONDS)

    def pool(self) -> tuple[str, str]:
        """Create a user pool with a tenant in its tokens and an app client, as Terraform does; returns their ids."""
        cognito = self._aws("cognito-idp")
        pool: str = cognito.create_user_pool(
            PoolName=unique(),
            UsernameAttributes=["email"],
            AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
            Policies={
                "PasswordPolicy": {
                    "MinimumLength": 12,
                    "RequireLowercase": True,
                    "RequireUppercase": True,
                    "RequireNumbers": True,
                    "RequireSymbols": True,
                }
            },
            Schema=[
                {
                    "Name": "tenantId",
                    "AttributeDataType": "String",
                    "Mutable": True,
                    "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "64"},
                }
            ],
        )["UserPool"]["Id"]
        self._end.callback(cognito.delete_user_pool, UserPoolId=pool)
        cognito.create_group(UserPoolId=pool, GroupName="admin")
        client: str = cognito.create_user_pool_client(
            UserPoolId=pool,
            ClientName="portal",
            GenerateSecret=False,
            ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            PreventUserExistenceErrors="ENABLED",
            ReadAttributes=["email", "custom:tenantId"],
            WriteAttributes=["email"],
            IdTokenValidity=60,
            AccessTokenValidity=60,
            TokenValidityUnits={"IdToken": "minutes", "AccessToken": "minutes"},
        )["UserPoolClient"]["ClientId"]
        return pool, client
