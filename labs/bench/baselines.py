"""Puts baseline functions on a stack's engine: behind its API, and in a loop of queues and a topic.

What `behind_api` makes is deleted with the bench's separate stack, or by `remove_from_api`.
"""

import io
import json
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

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


def _function(aws: Aws, name: str, handler: str, code: bytes, environment: dict[str, str]) -> str:
    """Make a function with a role that may do everything, and return its ARN."""
    trust = _policy(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    aws.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=_policy(Action="*", Resource="*"))
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


def behind_api(stack: Stack, handler: str, function: str, method: str, path: str, **variables: str) -> str:
    """Put a handler of baseline_functions.py, with a function's environment and variables, behind the API's authorizer.

    Returns the first segment of its path, in place of `v1.0`. The embedded engine serves it without a deployment.
    """
    aws, name = Aws(stack.endpoint), f"baseline-{uuid.uuid4().hex[:8]}"
    ours = aws.functions.get_function_configuration(FunctionName=stack.outputs["function_names"][function])
    arn = _function(aws, name, handler, package(), ours["Environment"]["Variables"] | variables)
    api, rest = aws.client("apigateway"), {"restApiId": stack.outputs["api_id"]}
    resource = next(found["id"] for found in api.get_resources(**rest, limit=500)["items"] if found["path"] == "/")
    for part in (name, *path.split("/")):
        resource = api.create_resource(**rest, parentId=resource, pathPart=part)["id"]
    route = {**rest, "resourceId": resource, "httpMethod": method}
    authorizer = api.get_authorizers(**rest)["items"][0]["id"]
    api.put_method(**route, authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer)
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    api.put_integration(**route, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    invoke = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    aws.client("lambda").add_permission(FunctionName=name, StatementId="api-gateway", **invoke)
    return name


def remove_from_api(stack: Stack, name: str) -> None:
    """Remove what `behind_api` made, by the name that it returned."""
    aws, rest = Aws(stack.endpoint), {"restApiId": stack.outputs["api_id"]}
    api = aws.client("apigateway")
    own = [each for each in api.get_resources(**rest, limit=500)["items"] if each["path"].split("/")[1] == name]
    # The embedded engine keeps what is below a resource that it deletes.
    for resource in sorted(own, key=lambda each: len(each["path"]), reverse=True):
        api.delete_resource(**rest, resourceId=resource["id"])
    _delete_function(aws, name)


def _delete_function(aws: Aws, name: str) -> None:
    aws.functions.delete_function(FunctionName=name)
    aws.iam.delete_role_policy(RoleName=name, PolicyName="all")
    aws.iam.delete_role(RoleName=name)


class Loop(ExitStack):
    """The engine's own loop: queue, function, table, topic, three queues and functions, one of which may render.

    All of it is gone at the end of the context.
    """

    def __init__(self, stack: Stack, rendering: Rendering | None = None) -> None:
        super().__init__()
        self._aws, self.name = Aws(stack.endpoint), f"loop-{uuid.uuid4().hex[:8]}"
        self._aws.dynamodb.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        self.callback(self._aws.dynamodb.delete_table, TableName=self.name)
        topic = self._aws.sns.create_topic(Name=self.name)["TopicArn"]
        self.callback(self._aws.sns.delete_topic, TopicArn=topic)
        handlers = {"first": "begin", "pdf": rendering or "end", "internal": "end", "customer": "end"}
        self._queues = [self._queue(use, each, topic) for use, each in handlers.items()]

    def _queue(self, use: str, handler: str, topic: str) -> str:
        """Make a queue with its function, and return its name."""
        aws, name, renders = self._aws, f"{self.name}-{use}", handler.startswith("render")
        policy = _policy(Principal="*", Action="sqs:SendMessage", Resource=_arn("sqs", name))
        made = aws.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "360", "Policy": policy})
        self.callback(aws.sqs.delete_queue, QueueUrl=made["QueueUrl"])
        if use != "first":
            raw = {"RawMessageDelivery": "true"}
            aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn("sqs", name), Attributes=raw)
        _function(aws, name, handler, package(renders), {"TABLE": self.name, "TOPIC": topic})
        self.callback(_delete_function, aws, name)
        mapping = aws.functions.create_event_source_mapping(
            EventSourceArn=_arn("sqs", name),
            FunctionName=name,
            BatchSize=1 if renders else _BATCH_SIZE,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": _FIRST_CONCURRENCY if use == "first" else _CONCURRENCY},
        )
        self.callback(aws.functions.delete_event_source_mapping, UUID=mapping["UUID"])
        return name

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
