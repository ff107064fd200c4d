"""The emulator's own loop: queue, function, table, topic, three queues, three functions; made with boto3."""

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from common.invoice import ASSETS, invoice_html
from common.templates import only_packaged
from localstack.aws import Aws
from localstack.preview.samples import orders
from localstack.stack import ACCOUNT, REGION, Stack
from ops.queues import wait_idle
from release.packaging.build import packages_dir

_FLOORS = Path(__file__).parent / "floors"
# As in terraform/main.tf and terraform/locals.tf: of the record function, and of the three that its event goes to.
_BATCH_SIZE = 10
_FIRST_CONCURRENCY, _CONCURRENCY = 5, 10
_VISIBILITY_SECONDS = "360"
_TIMEOUT_SECONDS = 60
_SENDERS = 8
_POLL_SECONDS = 0.2
_ENDS = ("pdf", "internal", "customer")


def _package(name: str, beside: Path | None = None, **files: str) -> bytes:
    """A function's zip: its file from floors/, what a package has already, and texts by the name of their file."""
    content = io.BytesIO(beside.read_bytes() if beside else b"")
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.py", (_FLOORS / f"{name}.py").read_text())
        for file, text in files.items():
            archive.writestr(f"{file}.html", text)
    return content.getvalue()


def _invoice() -> str:
    """The sample invoice as one text: its HTML with its CSS in it."""
    with only_packaged():
        html = invoice_html(orders()["no-campaign"])
    return html.replace("</head>", f"<style>{(ASSETS / 'invoice.css').read_text()}</style></head>", 1)


class Loop:
    """The loop on a stack's engine.

    Args:
        stack: whose engine it is.
        name: of its table and topic; those of queues and functions begin with it.
        draws: whether the function at the end of the pdf queue draws an invoice for each message.
    """

    def __init__(self, stack: Stack, name: str, draws: bool) -> None:
        self._aws = Aws(stack.endpoint)
        self.name = name
        self._draws = draws
        self._queues = {use: f"{name}-{use}" for use in ("first", *_ENDS)}
        self._mappings: list[str] = []

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{ACCOUNT}:{resource}"

    def make(self) -> None:
        """Make all of it."""
        aws, name = self._aws, self.name
        aws.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        self._make_role()
        topic = aws.sns.create_topic(Name=name)["TopicArn"]
        for use, queue in self._queues.items():
            arn = self._arn("sqs", queue)
            statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            attributes: Any = {"VisibilityTimeout": _VISIBILITY_SECONDS, "Policy": policy}
            aws.sqs.create_queue(QueueName=queue, Attributes=attributes)
            if use != "first":
                raw = {"RawMessageDelivery": "true"}
                aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
        empty = _package("loop")
        self._make_function("first", "loop.begin", empty, {"TABLE": name, "TOPIC": topic})
        for use in _ENDS:
            if use == "pdf" and self._draws:
                beside = packages_dir() / "order_pdf_creator.zip"
                drawing = _package("drawing", beside, invoice_of_the_floor=_invoice())
                self._make_function(use, "drawing.end", drawing, {})
            else:
                self._make_function(use, "loop.end", empty, {})

    def _make_role(self) -> None:
        document = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["dynamodb:PutItem"],
                    "Resource": self._arn("dynamodb", f"table/{self.name}"),
                },
                {"Effect": "Allow", "Action": ["sns:Publish"], "Resource": self._arn("sns", self.name)},
                {"Effect": "Allow", "Action": ["sqs:*"], "Resource": self._arn("sqs", f"{self.name}-*")},
                {"Effect": "Allow", "Action": ["logs:*"], "Resource": self._arn("logs", "*")},
            ],
        }
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        statement = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self._aws.iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=statement)
        self._aws.iam.put_role_policy(RoleName=self.name, PolicyName="floor", PolicyDocument=json.dumps(document))

    def _make_function(self, use: str, handler: str, package: bytes, environment: dict[str, str]) -> None:
        self._aws.functions.create_function(
            FunctionName=self._queues[use],
            Runtime="python3.12",
            Role=self._arn("iam", f"role/{self.name}"),
            Handler=handler,
            Code={"ZipFile": package},
            MemorySize=512,
            Timeout=_TIMEOUT_SECONDS,
            Environment={"Variables": environment},
        )
        mapping = self._aws.functions.create_event_source_mapping(
            EventSourceArn=self._arn("sqs", self._queues[use]),
            FunctionName=self._queues[use],
            BatchSize=_BATCH_SIZE,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": _FIRST_CONCURRENCY if use == "first" else _CONCURRENCY},
        )
        self._mappings.append(mapping["UUID"])

    def run(self, number: int, seconds: float) -> None:
        """Send messages as fast as eight senders can, and return when the last has been through.

        Args:
            number: of messages.
            seconds: to wait.

        Raises:
            StackError: they have not been through in time.
        """
        url = self._aws.sqs.get_queue_url(QueueName=self._queues["first"])["QueueUrl"]
        send = partial(self._aws.sqs.send_message, QueueUrl=url)
        with ThreadPoolExecutor(max_workers=_SENDERS) as pool:
            list(pool.map(lambda body: send(MessageBody=body), map(str, range(number))))
        wait_idle(self._aws.sqs, self._queues.values(), seconds, interval=_POLL_SECONDS)

    def remove(self) -> None:
        """Remove all of it."""
        for mapping in self._mappings:
            self._aws.functions.delete_event_source_mapping(UUID=mapping)
        for queue in self._queues.values():
            self._aws.functions.delete_function(FunctionName=queue)
            self._aws.sqs.delete_queue(QueueUrl=self._aws.sqs.get_queue_url(QueueName=queue)["QueueUrl"])
        self._aws.sns.delete_topic(TopicArn=self._arn("sns", self.name))
        self._aws.dynamodb.delete_table(TableName=self.name)
        self._aws.iam.delete_role_policy(RoleName=self.name, PolicyName="floor")
        self._aws.iam.delete_role(RoleName=self.name)


@contextmanager
def loop(stack: Stack, draws: bool) -> Iterator[Loop]:
    """A loop, as long as it is used.

    Args:
        stack: whose engine it is on.
        draws: whether the function at the end of the pdf queue draws an invoice for each message.
    """
    made = Loop(stack, f"floor-{uuid.uuid4().hex[:8]}", draws)
    made.make()
    try:
        yield made
    finally:
        made.remove()
