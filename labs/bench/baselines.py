"""Puts baseline functions on a stack's engine: behind its API, and in a loop of queues and a topic.

The bench has a stack of its own, so what it makes here goes with that stack.
"""

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.templates import only_packaged
from labs.bench.invoice import html_with_style
from localstack.aws import Aws
from localstack.preview.samples import orders
from localstack.stack import ACCOUNT, REGION, Stack
from ops.queues import url, wait_idle
from release.packaging.build import packages_dir
from tooling.paths import ROOT

_HANDLERS = Path(__file__).with_name("baseline_functions.py")
_ENDS = ("pdf", "internal", "customer")
# As in terraform/main.tf and terraform/locals.tf.
_BATCH_SIZE, _FIRST_CONCURRENCY, _CONCURRENCY = 10, 5, 10
_SENDERS = 8


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{ACCOUNT}:{resource}"


def package(renders: bool = False) -> bytes:
    """The zip of the baseline functions; one that renders invoices has what the invoice function's package has."""
    content = io.BytesIO((packages_dir() / "order_pdf_creator.zip").read_bytes() if renders else b"")
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(_HANDLERS, "baseline.py")
        if renders:
            with only_packaged():
                archive.writestr("baseline_invoice.html", html_with_style(orders()["no-campaign"]))
        else:
            for file in ("common/__init__.py", "common/clients.py"):
                archive.write(ROOT / file, file)
    return content.getvalue()


def _function(aws: Aws, name: str, handler: str, code: bytes, environment: dict[str, str]) -> str:
    """Make a function with a role that may do everything, and return its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    documents = [json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trust, rights)]
    aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=documents[0])
    aws.iam.put_role_policy(RoleName=name, PolicyName="baseline", PolicyDocument=documents[1])
    return aws.functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=_arn("iam", f"role/{name}"),
        Handler=f"baseline.{handler}",
        Code={"ZipFile": code},
        MemorySize=512,
        Timeout=60,
        Environment={"Variables": environment},
    )["FunctionArn"]


def behind_api(stack: Stack, handler: str, function: str, method: str, path: str) -> str:
    """Put a baseline function behind the stack's API, with its authorizer.

    Args:
        stack: stack on the embedded engine, which serves a route without a deployment
        handler: handler in baseline_functions.py
        function: folder of the function whose environment variables it has
        method: HTTP method of its route
        path: path of its route, without a slash at the beginning

    Returns:
        The first segment of its path, which stands in for `v1.0`.
    """
    aws, name = Aws(stack.endpoint), f"baseline-{uuid.uuid4().hex[:8]}"
    ours = aws.functions.get_function_configuration(FunctionName=stack.outputs["function_names"][function])
    arn = _function(aws, name, handler, package(), ours["Environment"]["Variables"])
    api: Any = aws.client("apigateway")
    rest = {"restApiId": stack.outputs["api_id"]}
    resource = next(found["id"] for found in api.get_resources(**rest, limit=500)["items"] if found["path"] == "/")
    for part in (name, *path.split("/")):
        resource = api.create_resource(**rest, parentId=resource, pathPart=part)["id"]
    route = {**rest, "resourceId": resource, "httpMethod": method}
    authorizer = api.get_authorizers(**rest)["items"][0]["id"]
    api.put_method(**route, authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer)
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    api.put_integration(**route, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    aws.functions.add_permission(
        FunctionName=name,
        StatementId="api-gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    return name


class Loop:
    """The engine's own loop: queue, function, table, topic, three queues, three functions.

    Args:
        stack: stack whose engine runs it
        renders: the function of the pdf queue renders an invoice for each message; otherwise it does nothing
    """

    def __init__(self, stack: Stack, renders: bool) -> None:
        aws, self.name = Aws(stack.endpoint), f"loop-{uuid.uuid4().hex[:8]}"
        self._aws, self._mappings = aws, list[str]()
        self._queues = {use: f"{self.name}-{use}" for use in ("first", *_ENDS)}
        aws.dynamodb.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        topic = aws.sns.create_topic(Name=self.name)["TopicArn"]
        for use, queue in self._queues.items():
            allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": _arn("sqs", queue)}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            aws.sqs.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "360", "Policy": policy})
            if use != "first":
                raw = {"RawMessageDelivery": "true"}
                aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn("sqs", queue), Attributes=raw)
            renders_here = renders and use == "pdf"
            handler = "begin" if use == "first" else "render" if renders_here else "end"
            _function(aws, queue, handler, package(renders_here), {"TABLE": self.name, "TOPIC": topic})
            mapping = aws.functions.create_event_source_mapping(
                EventSourceArn=_arn("sqs", queue),
                FunctionName=queue,
                BatchSize=_BATCH_SIZE,
                FunctionResponseTypes=["ReportBatchItemFailures"],
                ScalingConfig={"MaximumConcurrency": _FIRST_CONCURRENCY if use == "first" else _CONCURRENCY},
            )
            self._mappings.append(mapping["UUID"])

    def run(self, messages: int, seconds: float) -> None:
        """Send messages from eight threads, and return when the last has been handled.

        Raises:
            DeadlineError: they were not handled in so many seconds.
        """
        first = url(self._aws.sqs, self._queues["first"])
        with ThreadPoolExecutor(_SENDERS) as pool:
            send = self._aws.sqs.send_message
            list(pool.map(lambda body: send(QueueUrl=first, MessageBody=body), map(str, range(messages))))
        wait_idle(self._aws.sqs, self._queues.values(), seconds, interval=0.2)

    def stop(self) -> None:
        """Delete the functions, whose processes end."""
        for mapping, function in zip(self._mappings, self._queues.values(), strict=True):
            self._aws.functions.delete_event_source_mapping(UUID=mapping)
            self._aws.functions.delete_function(FunctionName=function)


@contextmanager
def loop(stack: Stack, renders: bool) -> Iterator[Loop]:
    """A loop that is stopped at the end of the context."""
    made = Loop(stack, renders)
    try:
        yield made
    finally:
        made.stop()
