"""An engine with the few resources that handlers need; the handlers run in the process of the tests."""

import json
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from common import clients
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings
from localstack import terraform
from localstack.aws import Aws
from localstack.engines.ministack import MiniStack
from localstack.mails import Mailbox
from localstack.sidecars.cart_stub import CartStub
from localstack.stack import Stack
from tests.support import orders_table
from tests.support import plans as environment_plans
from tests.support.environment import CART_PORT, ENGINE_PORT
from tests.support.lambda_events import context, sqs_event
from tests.support.records import record
from tests.support.samples import draft
from tests.support.shared_provider import shared_provider
from tooling import commands
from tooling.machine import ENGINE_VENV
from tooling.polling import poll

Handler = Callable[..., dict[str, Any]]

_INIT_SECONDS = 300


def _make_tables(aws: Aws) -> None:
    orders_table.create(aws.dynamodb, settings.orders_table)
    aws.dynamodb.create_table(
        TableName=settings.idempotency_table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An empty engine."""
    if not ENGINE_VENV.exists():
        raise FileNotFoundError(f"{ENGINE_VENV} does not exist: run `make test`, which makes it")
    stack = Stack(tmp_path_factory.mktemp("engine"), ports={"engine": ENGINE_PORT})
    engine = MiniStack()
    try:
        engine.start(stack)
        yield stack
    finally:
        engine.stop(stack)


@pytest.fixture(scope="session")
def aws(stack: Stack) -> Aws:
    """Clients of an engine with tables, topic, buckets and the verified sender of mails."""
    aws = Aws(stack.endpoint)
    _make_tables(aws)
    for bucket in (settings.orders_bucket, settings.templates_bucket):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
    aws.sns.create_topic(Name=settings.order_events_topic_arn.rsplit(":", 1)[1])
    aws.ses.verify_domain_identity(Domain=settings.mail_from.partition("@")[2])
    return aws


@pytest.fixture
def repository() -> OrderRepository:
    """The repository of the engine's table."""
    return OrderRepository(clients.dynamodb(), settings.orders_table)


@pytest.fixture
def order() -> Order:
    """An order on record."""
    return record(draft(f"tenant-{uuid4().hex[:8]}")).order


@pytest.fixture(scope="session")
def installed_provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `terraform init` with the AWS provider, as TF_DATA_DIR names it."""
    init = ["terraform", f"-chdir={terraform.TERRAFORM_DIR}", "init", "-backend=false", "-lockfile=readonly"]
    variables = terraform.environment(tmp_path_factory.mktemp("provider"))
    commands.run("terraform init", init, _INIT_SECONDS, variables).checked()
    return Path(variables["TF_DATA_DIR"])


@pytest.fixture(scope="session")
def provider(installed_provider: Path) -> Iterator[dict[str, str]]:
    """Variables with which Terraform uses one process of the AWS provider, for tests that mock what it does."""
    with shared_provider(installed_provider) as found:
        yield found


@pytest.fixture(scope="session")
def plans(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plans of all environments, what a plan in another account prints, and the graph of prod."""
    return environment_plans.made(lambda: request.getfixturevalue("stack"), lambda: tmp_path_factory.mktemp("plans"))


class Queue:
    """A queue of one test.

    Args:
        aws: Clients of the engine.
        name: First part of the queue's name.
    """

    def __init__(self, aws: Aws, name: str) -> None:
        self.name = f"{name}-{uuid4().hex[:8]}"
        self.arn = f"arn:aws:sqs:af-south-1:000000000000:{self.name}"
        self._sqs = aws.sqs
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": self.arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self.url = aws.sqs.create_queue(QueueName=self.name, Attributes={"Policy": policy})["QueueUrl"]

    def send(self, body: str) -> Any:
        """Send a message, and receive it as an event source mapping would."""
        sent = self._sqs.send_message(QueueUrl=self.url, MessageBody=body)["MessageId"]
        return next(message for message in self.receive() if message["MessageId"] == sent)

    def receive(self) -> list[Any]:
        """Receive the waiting messages; they are hidden from other receivers for a minute."""
        response = self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=60,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return response.get("Messages", [])

    def take(self) -> dict[str, Any]:
        """Receive the next message, delete it and return its body."""

        def attempt() -> Any:
            messages = self._sqs.receive_message(QueueUrl=self.url, VisibilityTimeout=60).get("Messages")
            return messages[0] if messages else None

        message = poll(f"a message in {self.name}", attempt, 10)
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        body: dict[str, Any] = json.loads(message["Body"])
        return body


def handle(handler: Handler, queue: Queue, *bodies: str) -> list[str]:
    """Pass messages to a handler in one batch; return the bodies of those that it reports as failed."""
    messages = [queue.send(body) for body in bodies]
    failed = handler(sqs_event(queue.name, *messages), context())["batchItemFailures"]
    ids = {failure["itemIdentifier"] for failure in failed}
    return [message["Body"] for message in messages if message["MessageId"] in ids]


@pytest.fixture
def creation_queue(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The order creation queue."""
    queue = Queue(aws, "bbws-order-creation")
    monkeypatch.setenv("ORDER_CREATION_QUEUE_URL", queue.url)
    return queue


@pytest.fixture
def events_seen(aws: Aws) -> Iterator[Queue]:
    """A queue that gets every event that the functions publish from now on."""
    queue = Queue(aws, "events-seen")
    subscription = aws.sns.subscribe(
        TopicArn=settings.order_events_topic_arn,
        Protocol="sqs",
        Endpoint=queue.arn,
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )
    yield queue
    aws.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


@pytest.fixture(scope="session")
def carts() -> Iterator[CartStub]:
    """The Cart service that the record function queries."""
    stub = CartStub(CART_PORT)
    threading.Thread(target=stub.serve_forever, daemon=True).start()
    yield stub
    stub.shutdown()
    stub.server_close()


@pytest.fixture(scope="session")
def mailbox(stack: Stack) -> Mailbox:
    """The mailbox that the engine's SES delivers to."""
    return Mailbox(stack.mail_dir)


def only_mail(mailbox: Mailbox, correlation_id: str) -> EmailMessage:
    """The only mail with a correlation id."""
    ((_, mail),) = poll(f"mail {correlation_id}", lambda: mailbox.find(correlation_id) or None, 10)
    return mail
