"""Raw MIME mails, as the notifiers send them."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from functools import partial

import pytest

from tests.conformance.engines import Clients, Engine
from tests.conformance.resources import code_of, unique
from tooling.polling import poll

DOMAIN = "kimmyai.io"
SENDER = f"noreply@{DOMAIN}"


@pytest.fixture(autouse=True)
def verified(engine: Engine, aws: Clients) -> None:
    """The sender's domain, verified unless it is already, as in AWS."""
    if engine.endpoint:
        aws("ses").verify_domain_identity(Domain=DOMAIN)


def mail(to: str, sender: str = SENDER) -> bytes:
    """A mail with an attachment."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit", max_line_length=76))
    message["From"], message["To"], message["Subject"] = sender, to, "Bestellung für Sie"
    message.set_content("Grüße")
    message.add_attachment(bytes(range(256)), maintype="application", subtype="pdf", filename="ORD-2026-00001.pdf")
    return message.as_bytes()


def send(aws: Clients, to: str, sender: str = SENDER) -> str:
    """Send a mail and return its id."""
    message_id: str = aws("ses").send_raw_email(
        Source=sender, Destinations=[to], RawMessage={"Data": mail(to, sender)}
    )["MessageId"]
    return message_id


def test_raw_mail_has_an_id(aws: Clients) -> None:
    """SendRawEmail returns a different id for each mail.

    Source: SES API Reference, "SendRawEmail"
    <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html>
    """
    first, second = (send(aws, "success@simulator.amazonses.com") for _ in range(2))
    assert first
    assert first != second


@pytest.mark.needs("mailbox")
def test_raw_mail_arrives_as_sent(engine: Engine, aws: Clients) -> None:
    """A raw mail arrives with its subject, text and attachment unchanged.

    Source: SES Developer Guide, "Sending raw email using the Amazon SES API v2"
    <https://docs.aws.amazon.com/ses/latest/dg/send-email-raw.html>
    """
    to = f"{unique()}@example.com"
    send(aws, to)
    (arrived,) = poll("the mail", lambda: engine.mails(to) or None, 30)
    message = message_from_bytes(arrived, policy=default)
    (attachment,) = message.iter_attachments()
    assert message["Subject"] == "Bestellung für Sie"
    assert attachment.get_content() == bytes(range(256))
    assert attachment.get_filename() == "ORD-2026-00001.pdf"


@pytest.mark.needs("unverified senders")
def test_unverified_sender_is_refused(aws: Clients) -> None:
    """A mail from an unverified address is refused with MessageRejected.

    Source: SES Developer Guide, "Verified identities in Amazon SES"
    <https://docs.aws.amazon.com/ses/latest/dg/verify-addresses-and-domains.html>
    """
    assert code_of(lambda: send(aws, "success@simulator.amazonses.com", f"{unique()}@example.com")) == "MessageRejected"


def test_verified_domain_covers_its_addresses(aws: Clients) -> None:
    """Every address of a verified domain may send without being verified itself.

    Source: SES Developer Guide, "Verified identities in Amazon SES"
    <https://docs.aws.amazon.com/ses/latest/dg/verify-addresses-and-domains.html>
    """
    assert send(aws, "success@simulator.amazonses.com", f"support@{DOMAIN}")


MALFORMED = [
    ".first@example.com",
    "first..last@example.com",
    "last.@example.com",
    "fürst@example.com",
    "first last@example.com",
    f"{'a' * 65}@example.com",
    "first@example..com",
    "first@.example.com",
    f"first@{'a' * 64}.com",
    "first@example",
    "first",
]


def test_malformed_recipient_is_refused(aws: Clients) -> None:
    """A recipient that is not UserName@[SubDomain.]Domain.TopLevelDomain in 7-bit ASCII is InvalidParameterValue.

    Source: SES API Reference, "SendEmail" and "Destination"; RFC 5321 says what a user name and a domain are
    <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html>
    """
    to = "success@simulator.amazonses.com"
    text = {"Subject": {"Data": "Order"}, "Body": {"Text": {"Data": "Order"}}}
    for address in MALFORMED:
        raw = {"Data": mail(to).replace(to.encode(), address.encode())}
        simple = {"Source": SENDER, "Destination": {"ToAddresses": [address]}, "Message": text}
        codes = (
            code_of(partial(aws("ses").send_raw_email, Source=SENDER, Destinations=[address], RawMessage=raw)),
            code_of(partial(aws("ses").send_email, **simple)),
        )
        assert codes == ("InvalidParameterValue", "InvalidParameterValue"), address
