"""Mails that do not arrive: what SES reports, what it sends no more, and what the customer notifier makes of it."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from common import mail
from common.mail_problem import BounceKind, MailKind, MailProblemType
from common.order import Order
from common.repository import MAX_MAIL_PROBLEMS, OrderRepository
from common.settings import settings
from functions.customer_order_confirmation.handler import lambda_handler
from localstack.aws import Aws
from localstack.mails import Mailbox
from tests.integration.conftest import Queue, handle, only_mail
from tests.support import samples
from tests.support.ses_reports import report

pytestmark = pytest.mark.usefixtures("aws")
ACCOUNT = "000000000000"
VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."


@pytest.fixture
def reports(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A queue that gets what SES reports on mails, which the functions send with a configuration set."""
    name, queue = f"mail-{uuid4().hex[:8]}", Queue(aws, "reports")
    topic = aws.sns.create_topic(Name=name)["TopicArn"]
    allow_ses(aws, topic)
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    aws.sesv2.create_configuration_set(
        ConfigurationSetName=name, SuppressionOptions={"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    )
    aws.sesv2.create_configuration_set_event_destination(**destination(name, topic))
    assert [message["Body"] for message in queue.receive()] == [VALIDATED]
    monkeypatch.setenv("MAIL_CONFIGURATION_SET", name)
    yield queue
    aws.sesv2.delete_configuration_set(ConfigurationSetName=name)


def allow_ses(aws: Aws, topic: str) -> None:
    """Let SES publish to a topic, as Terraform does."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def destination(name: str, topic: str) -> dict[str, Any]:
    """A request for an event destination."""
    types = ["BOUNCE", "COMPLAINT", "REJECT"]
    event = {"Enabled": True, "MatchingEventTypes": types, "SnsDestination": {"TopicArn": topic}}
    return {"ConfigurationSetName": name, "EventDestinationName": "all", "EventDestination": event}


def send(order: Order, to: str) -> str:
    """Send the confirmation of an order, and return its correlation id."""
    correlation_id = f"c-{uuid4().hex}"
    placed = order.copy(update={"customer_email": to})
    message = mail.order_confirmation(placed, b"%PDF", samples.order_recorded(placed, correlation_id))
    mail.send(message)
    return correlation_id


class TestEngine:
    def test_simulated_bounce_is_reported_and_not_delivered(
        self, reports: Queue, order: Order, mailbox: Mailbox, aws: Aws
    ) -> None:
        """A mail to the simulator's bounce address is reported with its tags and headers, and not delivered."""
        correlation_id = send(order, "bounce+label1@simulator.amazonses.com")
        event = reports.take()
        assert (event["eventType"], event["bounce"]["bounceType"]) == ("Bounce", "Permanent")
        tags = event["mail"]["tags"]
        assert (tags["orderId"], tags["mail"]) == ([str(order.id)], ["CONFIRMATION"])
        headers = {header["name"]: header["value"] for header in event["mail"]["headers"]}
        message_id = samples.order_recorded(order, "c").message_id
        assert headers["Message-ID"] == f"<{message_id}@kimmyai.io>"
        assert headers["X-Correlation-Id"] == correlation_id
        # A later mail has arrived, so this one would have.
        only_mail(mailbox, send(order, "success@simulator.amazonses.com"))
        assert mailbox.find(correlation_id) == []
        assert "bounce+label1@simulator.amazonses.com" not in suppressed(aws)

    def test_delivered_mail_has_no_headers_for_ses(self, reports: Queue, order: Order, mailbox: Mailbox) -> None:
        """SES removes the headers that are meant for it, and replaces the Message-ID."""
        received = only_mail(mailbox, send(order, "thandi@example.com"))
        assert [name for name in received if name.lower().startswith("x-ses-")] == []
        assert len(received.get_all("Message-ID", [])) == 1
        assert received["Message-ID"].endswith("amazonses.com>")
        assert received["Auto-Submitted"] == "auto-generated"

    @pytest.mark.parametrize(("domain", "reason"), [("complaint.example", "COMPLAINT"), ("bounce.example", "BOUNCE")])
    def test_address_that_failed_gets_no_further_mail(
        self, domain: str, reason: str, reports: Queue, order: Order, mailbox: Mailbox, aws: Aws
    ) -> None:
        """An address that complained or bounced is suppressed: SES accepts further mails and does not send them."""
        address = f"Thandi-{uuid4().hex[:8]}@{domain}"
        first = send(order, address)
        assert reports.take()["eventType"].upper() == reason
        assert suppressed(aws)[address.lower()] == reason
        second = send(order, address)
        assert reports.take()["bounce"]["bounceSubType"] == "OnAccountSuppressionList"
        only_mail(mailbox, send(order, "thandi@example.com"))
        assert len(mailbox.find(first)) == (reason == "COMPLAINT")
        assert mailbox.find(second) == []
        # A person may take the address off the list.
        aws.sesv2.delete_suppressed_destination(EmailAddress=address)
        assert address.lower() not in suppressed(aws)

    @pytest.mark.parametrize("header", ["X-SES-CONFIGURATION-SET: none", "X-SES-MESSAGE-TAGS: orderId=a b"])
    def test_mail_with_unknown_set_or_bad_tag_is_refused(self, header: str, aws: Aws) -> None:
        """SES refuses a mail with a configuration set that does not exist, or with a tag of other characters."""
        raw = f"From: noreply@kimmyai.io\r\nTo: thandi@example.com\r\n{header}\r\n\r\ntext"
        with pytest.raises(ClientError, match=r"does not exist|Invalid tag"):
            aws.ses.send_raw_email(Destinations=["thandi@example.com"], RawMessage={"Data": raw.encode()})

    def test_topic_that_ses_may_not_use_is_refused(self, aws: Aws) -> None:
        """A topic whose policy does not let SES publish cannot be an event destination."""
        name = f"mail-{uuid4().hex[:8]}"
        topic = aws.sns.create_topic(Name=name)["TopicArn"]
        nobody = json.dumps({"Version": "2012-10-17", "Statement": []})
        aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=nobody)
        aws.sesv2.create_configuration_set(ConfigurationSetName=name)
        with pytest.raises(ClientError, match="Could not publish"):
            aws.sesv2.create_configuration_set_event_destination(**destination(name, topic))

    def test_mail_from_domain_is_described_as_created(self, aws: Aws) -> None:
        """A domain has its MAIL FROM domain after a deployment."""
        ses: Any = aws.ses
        ses.set_identity_mail_from_domain(
            Identity="kimmyai.io", MailFromDomain="bounce.kimmyai.io", BehaviorOnMXFailure="UseDefaultValue"
        )
        found = ses.get_identity_mail_from_domain_attributes(Identities=["kimmyai.io"])["MailFromDomainAttributes"]
        assert found["kimmyai.io"]["MailFromDomain"] == "bounce.kimmyai.io"


def suppressed(aws: Aws) -> dict[str, str]:
    """The addresses that SES sends nothing to, and why."""
    found = aws.sesv2.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    return {each["EmailAddress"]: each["Reason"] for each in found}


class TestNotifier:
    def test_report_on_customer_mail_is_recorded_once_and_mailed_to_team(
        self, order: Order, repository: OrderRepository, mailbox: Mailbox, aws: Aws
    ) -> None:
        """A bounce is recorded on the order without a new version, once, and the team gets one mail about it."""
        queue, body = Queue(aws, "customer"), json.dumps(report(order.tenant_id, order.id))
        assert handle(lambda_handler, queue, body) == []
        assert handle(lambda_handler, queue, body) == []
        recorded = repository.get(order.tenant_id, order.id)
        assert recorded
        (problem,) = recorded.mail_problems or []
        assert (problem.type, problem.kind) == (MailProblemType.BOUNCE, BounceKind.PERMANENT)
        assert (problem.mail, problem.at.isoformat()) == (MailKind.CONFIRMATION, "2026-11-26T10:00:00.123000+00:00")
        assert recorded == order.copy(update={"mail_problems": [problem]})
        told = only_mail(mailbox, f"c-{order.id}")
        assert (told["To"], told["Subject"]) == ("orders@kimmyai.io", f"Mail about {order.order_number} did not arrive")

    def test_problem_names_neither_address_nor_reason(self, order: Order, aws: Aws) -> None:
        """What is stored about a bounce holds no address and no text of the receiving server."""
        assert handle(lambda_handler, Queue(aws, "customer"), json.dumps(report(order.tenant_id, order.id))) == []
        key = {"PK": {"S": f"TENANT#{order.tenant_id}"}, "SK": {"S": f"ORDER#{order.id}"}}
        item = aws.dynamodb.get_item(TableName=settings.orders_table, Key=key)["Item"]
        assert "example.com" not in str(item["mailProblems"])
        assert "550" not in str(item["mailProblems"])

    @pytest.mark.parametrize(
        ("event", "about", "expected"),
        [
            ("Complaint", {}, (MailProblemType.COMPLAINT, None)),
            ("Complaint", {"complaintSubType": None}, (MailProblemType.COMPLAINT, None)),
            (
                "Complaint",
                {"complaintSubType": "OnAccountSuppressionList"},
                (MailProblemType.BOUNCE, BounceKind.SUPPRESSED),
            ),
            ("Reject", {}, (MailProblemType.REJECT, None)),
            ("Bounce", {"bounceType": "Transient"}, (MailProblemType.BOUNCE, BounceKind.TRANSIENT)),
            ("Bounce", {"bounceType": "Unheard"}, (MailProblemType.BOUNCE, BounceKind.UNDETERMINED)),
            (
                "Bounce",
                {"bounceSubType": "OnAccountSuppressionList"},
                (MailProblemType.BOUNCE, BounceKind.SUPPRESSED),
            ),
        ],
    )
    def test_report_is_recorded_by_its_type(
        self, event: str, about: dict[str, Any], expected: Any, order: Order, repository: OrderRepository, aws: Aws
    ) -> None:
        """Complaints, rejects and each kind of bounce are distinguished; a kind that SES adds later is no error."""
        assert (
            handle(
                lambda_handler, Queue(aws, "customer"), json.dumps(report(order.tenant_id, order.id, event, **about))
            )
            == []
        )
        recorded = repository.get(order.tenant_id, order.id)
        assert recorded
        assert [(problem.type, problem.kind) for problem in recorded.mail_problems or []] == [expected]

    def test_order_keeps_first_twenty_problems(self, order: Order, repository: OrderRepository, aws: Aws) -> None:
        """An order stays small, however many of its mails bounce."""
        queue = Queue(aws, "customer")
        for second in range(MAX_MAIL_PROBLEMS + 2):
            body = json.dumps(report(order.tenant_id, order.id, timestamp=f"2026-11-26T10:00:{second:02}Z"))
            assert handle(lambda_handler, queue, body) == []
        recorded = repository.get(order.tenant_id, order.id)
        assert recorded
        problems = recorded.mail_problems or []
        assert [problem.at.second for problem in problems] == list(range(MAX_MAIL_PROBLEMS))

    def test_report_on_internal_mail_changes_no_order(
        self,
        order: Order,
        repository: OrderRepository,
        mailbox: Mailbox,
        aws: Aws,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A bounce of a mail to the team is counted for the alarm; no mail is sent, and the order stays as it is."""
        queue = Queue(aws, "customer")
        assert handle(lambda_handler, queue, json.dumps(report(order.tenant_id, order.id, of=MailKind.INTERNAL))) == []
        assert '"InternalMailsFailed":[1.0]' in capsys.readouterr().out.replace(" ", "")
        assert repository.get(order.tenant_id, order.id) == order
        only_mail(mailbox, send(order, "thandi@example.com"))
        assert mailbox.find(f"c-{order.id}") == []

    def test_first_message_of_ses_is_not_a_failure(self, aws: Aws) -> None:
        """What SES sends when an event destination is created does not end in the DLQ."""
        assert handle(lambda_handler, Queue(aws, "customer"), VALIDATED) == []

    def test_malformed_report_is_refused_without_values(
        self, order: Order, aws: Aws, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A malformed report fails, alone in its batch, and its log line holds no value."""
        good, untagged, unknown, bare = (report(order.tenant_id, order.id) for _ in range(4))
        untagged["mail"]["tags"] = {"orderId": ["thandi@secret.example"]}
        unknown["eventType"] = "Delivery"
        del bare["bounce"]
        bodies = [json.dumps(each) for each in (good, untagged, unknown, bare)]
        assert handle(lambda_handler, Queue(aws, "customer"), *bodies) == bodies[1:]
        reasons = [getattr(record, "reason", "") for record in caplog.records if record.levelname == "ERROR"]
        assert len(reasons) == 3
        assert "mail.tags.orderId.0: value is not a valid uuid" in reasons[0]
        assert "secret" not in str(reasons)
