"""Puts baseline functions on a stack's engine for a while: behind its API, and in a loop of queues and a topic."""

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from common.invoice import invoice_html
from common.templates import only_packaged
from labs.bench.invoice import html_with_style
from localstack.aws import Aws
from localstack.preview.samples import orders
from localstack.stack import ACCOUNT, REGION, Stack
from ops.queues import url, wait_idle
from release.packaging.build import packages_dir
from tooling.paths import ROOT

_HANDLERS = Path(__file__).with_name("baseline_functions.py")
# As in terraform/main.tf and terraform/locals.tf; the function that renders takes one message at a time.
_BATCH_SIZE, _FIRST_CONCURRENCY, _CONCURRENCY = 10, 5, 10
# How the loop may render: as WeasyPrint's documentation does, or as the service does.
Rendering = Literal["render_plain", "render_as_ours"]
_SENDERS = 8


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{ACCOUNT}:{resource}"


def _policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def invoices() -> dict[str, str]:
    """The files of the same invoice as a page for browsers and as ours, by the names that the handlers read."""
    order = orders()["no-campaign"]
    with only_packaged():
        return {"baseline_plain.html": html_with_style(order), "baseline_ours.html": invoice_html(order)}


def package(renders: bool = False) -> bytes:
    """The zip of the baseline functions; one that renders invoices has what the invoice function's package has."""
    content = io.BytesIO((packages_dir() / "order_pdf_creator.zip").read_bytes() if renders else b"")
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(_HANDLERS, "baseline.py")
        if renders:
            for name, html in invoices().items():
                archive.writestr(name, html)
        else:
            for file in ("common/__init__.py", "common/clients.py"):
                archive.write(ROOT / file, file)
    return content.getvalue()


def _function(aws: Aws, removal: ExitStack, name: str, handler: str, code: bytes, environment: dict[str, str]) -> str:
    """Make a function with a role that may do everything, add what removes both, and return its ARN."""
    trust = _policy(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    removal.callback(aws.iam.delete_role, RoleName=name)
    aws.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=_policy(Action="*", Resource="*"))
    removal.callback(aws.iam.delete_role_policy, RoleName=name, PolicyName="all")
    arn = aws.functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=_arn("iam", f"role/{name}"),
        Handler=f"baseline.{handler}",
        Code={"ZipFile": code},
        MemorySize=512,
        Timeout=60,
        Environment={"Variables": environment},
    )["FunctionArn"]
    removal.callback(aws.functions.delete_function, FunctionName=name)
    return arn


@contextmanager
def behind_api(stack: Stack, handler: str, function: str, method: str, path: str, **variables: str) -> Iterator[str]:
    """Put a handler of baseline_functions.py, with a function's environment and variables, behind the API's authorizer.

    Yields the first segment of its path, in place of `v1.0`. The embedded engine serves it without a deployment.
    """
    aws, name = Aws(stack.endpoint), f"baseline-{uuid.uuid4().hex[:8]}"
    ours = aws.functions.get_function_configuration(FunctionName=stack.outputs["function_names"][function])
    api, rest = aws.client("apigateway"), {"restApiId": stack.outputs["api_id"]}
    resource = next(found["id"] for found in api.get_resources(**rest, limit=500)["items"] if found["path"] == "/")
    with ExitStack() as removal:
        arn = _function(aws, removal, name, handler, package(), ours["Environment"]["Variables"] | variables)
        for part in (name, *path.split("/")):
            resource = api.create_resource(**rest, parentId=resource, pathPart=part)["id"]
            # The embedded engine keeps what is below a resource that it deletes, so each is deleted by itself.
            removal.callback(api.delete_resource, **rest, resourceId=resource)
        route = {**rest, "resourceId": resource, "httpMethod": method}
        authorizer = api.get_authorizers(**rest)["items"][0]["id"]
        api.put_method(**route, authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer)
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
        api.put_integration(**route, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        invoke = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
        aws.client("lambda").add_permission(FunctionName=name, StatementId="api-gateway", **invoke)
        yield name


class Loop:
    """The engine's own loop: queue, function, table, topic, three queues and functions, one of which may render."""

    def __init__(self, stack: Stack) -> None:
        self._aws, self.name = Aws(stack.endpoint), f"loop-{uuid.uuid4().hex[:8]}"
        self._queues: list[str] = []

    @classmethod
    @contextmanager
    def open(cls, stack: Stack, rendering: Rendering | None = None) -> Iterator[Self]:
        """Make a loop. All of it is gone at the end of the context, and if it cannot be made."""
        loop = cls(stack)
        with ExitStack() as removal:
            loop._make(rendering, removal)
            yield loop

    def _make(self, rendering: Rendering | None, removal: ExitStack) -> None:
        self._aws.dynamodb.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        removal.callback(self._aws.dynamodb.delete_table, TableName=self.name)
        topic = self._aws.sns.create_topic(Name=self.name)["TopicArn"]
        removal.callback(self._aws.sns.delete_topic, TopicArn=topic)
        handlers = {"first": "begin", "pdf": rendering or "end", "internal": "end", "customer": "end"}
        for use, handler in handlers.items():
            self._make_queue(use, handler, topic, removal)

    def _make_queue(self, use: str, handler: str, topic: str, removal: ExitStack) -> None:
        """Make a queue with its function."""
        aws, name, renders = self._aws, f"{self.name}-{use}", handler.startswith("render")
        policy = _policy(Principal="*", Action="sqs:SendMessage", Resource=_arn("sqs", name))
        made = aws.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "360", "Policy": policy})
        removal.callback(aws.sqs.delete_queue, QueueUrl=made["QueueUrl"])
        if use != "first":
            raw = {"RawMessageDelivery": "true"}
            aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn("sqs", name), Attributes=raw)
        _function(aws, removal, name, handler, package(renders), {"TABLE": self.name, "TOPIC": topic})
        mapping = aws.functions.create_event_source_mapping(
            EventSourceArn=_arn("sqs", name),
            FunctionName=name,
            BatchSize=1 if renders else _BATCH_SIZE,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": _FIRST_CONCURRENCY if use == "first" else _CONCURRENCY},
        )
        removal.callback(aws.functions.delete_event_source_mapping, UUID=mapping["UUID"])
        self._queues.append(name)

    @property
    def first_queue(self) -> str:
        """Name of the queue that the loop begins with."""
        return f"{self.name}-first"

    def run(self, messages: int, seconds: float) -> None:
        """Send messages from eight threads, and return when the last has been handled; DeadlineError if too late."""
        sqs = self._aws.sqs
        first = url(sqs, self.first_queue)
        with ThreadPoolExecutor(_SENDERS) as pool:
            list(pool.map(lambda n: sqs.send_message(QueueUrl=first, MessageBody=str(n)), range(messages)))
        wait_idle(sqs, self._queues, seconds, interval=0.2)
