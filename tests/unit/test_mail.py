"""Mails as MIME messages."""

import re
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from typing import Any
from unittest.mock import Mock

import pytest

from common import clients, mail
from common.errors import PermanentError
from common.invoice import invoice_html
from common.mail import build_message, send
from common.models import PaymentMethod
from tests.support.samples import invoice_created, order, order_recorded


def message(**changes: Any) -> Any:
    good: dict[str, Any] = {
        "to": "thandi@example.com",
        "subject": "Your order",
        "text": "Ñandú – R 1",
        "html": "<p>Ñandú – R 1</p>",
        "message_id": "m-1",
        "correlation_id": "c-1",
        "tags": {"orderId": "o-1"},
        **changes,
    }
    return build_message(**good)


def test_mail_is_seven_bit_and_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail is 7-bit, and its parts can be read back."""
    monkeypatch.setattr(mail, "render", lambda name, context: "<p>Ñandú – R 1</p>" if "html" in name else "Ñandú – R 1")
    placed = order("ORD-1")
    raw = mail.order_confirmation(placed, b"%PDF\xff", order_recorded(placed, "c-1")).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998  # RFC 5322, 2.1.1
    read: Any = message_from_bytes(raw, policy=default)
    assert read.get_body(("plain",)).get_content().strip() == "Ñandú – R 1"
    assert read.get_body(("html",)).get_content().strip() == "<p>Ñandú – R 1</p>"
    (attachment,) = read.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content()) == ("ORD-1.pdf", b"%PDF\xff")
    assert read["From"] == "noreply@kimmyai.io"
    assert read["Reply-To"] == "support@kimmyai.io"
    assert read["X-Correlation-Id"] == "c-1"


@pytest.mark.parametrize("field", ["to", "subject", "message_id", "correlation_id"])
@pytest.mark.parametrize("control", ["\n", "\r\n", "\r", "\0", "\x7f", "\x85", "\u2028", "\n "])
@pytest.mark.parametrize("rest", ["Bcc: y@example.com", ""])
def test_mail_control_in_header_is_refused(field: str, control: str, rest: str) -> None:
    """A line break or another control character in a header is refused."""
    with pytest.raises(PermanentError, match="header refused"):
        message(**{field: f"x@example.com{control}{rest}"})


def test_subject_is_title_of_html(monkeypatch: pytest.MonkeyPatch) -> None:
    """The subject is the title of the HTML in one line; without a title it is the order id."""
    placed = order()
    for html, subject in (
        ("<title>We&#39;re\n  waiting &amp; ready</title>", "We're waiting & ready"),
        ("<p>no title</p>", str(placed.id)),
    ):
        monkeypatch.setattr(mail, "render", lambda name, context, html=html: html)
        assert mail.order_notification(placed, order_recorded(placed, "c-1"))["Subject"] == subject


@pytest.mark.parametrize("configuration_set", ["bbws-order-mail-dev", None])
def test_sent_mail_names_configuration_set(monkeypatch: pytest.MonkeyPatch, configuration_set: str | None) -> None:
    """SES reports bounces and complaints of mails that name a configuration set; LocalStack has none."""
    monkeypatch.delenv("MAIL_CONFIGURATION_SET", raising=False)
    if configuration_set:
        monkeypatch.setenv("MAIL_CONFIGURATION_SET", configuration_set)
    ses = Mock()
    ses.send_raw_email.return_value = {"MessageId": "m-1"}
    monkeypatch.setattr(clients, "ses", lambda: ses)
    assert send(message()) == "m-1"
    sent: Any = message_from_bytes(ses.send_raw_email.call_args.kwargs["RawMessage"]["Data"], policy=default)
    assert sent["X-SES-CONFIGURATION-SET"] == configuration_set


def test_mail_of_repeated_message_is_same_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt to send the mail of a message has the same Message-ID, and the mail of another message another."""
    monkeypatch.setattr(mail, "render", lambda name, context: "<p>Your order</p>")
    placed = order()
    first, retry = (mail.order_confirmation(placed, b"%PDF", invoice_created(placed, "k", c)) for c in ("c-1", "c-2"))
    assert first["Message-ID"] == retry["Message-ID"] == f"<{invoice_created(placed, 'k', 'c').message_id}@kimmyai.io>"
    assert mail.order_notification(placed, order_recorded(placed, "c-1"))["Message-ID"] != first["Message-ID"]


def test_mail_names_its_order_for_reports_of_ses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail has the tags by which a report of SES finds its order: their characters are those that SES allows."""
    monkeypatch.setattr(mail, "render", lambda name, context: "<p>Your order</p>")
    placed = order(tenant_id="tenant_" + "x" * 57)
    sent = mail.order_confirmation(placed, b"%PDF", order_recorded(placed, "c-1"))
    read: Any = message_from_bytes(sent.as_bytes(), policy=default)
    tags = dict(tag.split("=") for tag in read["X-SES-MESSAGE-TAGS"].split(", "))
    assert tags == {"tenantId": placed.tenant_id, "orderId": str(placed.id), "mail": "CONFIRMATION"}
    # SES API Reference, "MessageTag".
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,256}", text) for pair in tags.items() for text in pair)


@pytest.mark.parametrize(("total", "asked"), [(Decimal("0.00"), False), (Decimal("0.01"), True)])
def test_free_order_is_not_asked_to_be_paid(total: Decimal, asked: bool) -> None:
    """Neither mail nor invoice asks for a payment if a campaign pays for all of an order."""
    placed = order(total=total, payment_method="EFT")
    sent = mail.order_confirmation(placed, b"%PDF", order_recorded(placed, "c-1"))
    texts = [part.get_content() for part in sent.walk() if part.get_content_maintype() == "text"]
    for text in (*texts, invoice_html(placed)):
        assert ("lease" in text and "payment reference" in text) is asked
    assert all(("There is nothing to pay." in text) is not asked for text in texts)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (PaymentMethod.CARD, "We'll charge your card"),
        (PaymentMethod.EFT, "If you don't have our bank details, just reply to this email."),
        (PaymentMethod.INSTANT_EFT, "by instant EFT."),
    ],
)
def test_customer_reads_how_to_pay(method: PaymentMethod, words: str) -> None:
    """The confirmation says how to pay by each method; only an EFT has a reference, in the mail and on the invoice."""
    placed = order(payment_method=method)
    sent = mail.order_confirmation(placed, b"%PDF", order_recorded(placed, "c-1"))
    texts = [part.get_content() for part in sent.walk() if part.get_content_maintype() == "text"]
    assert [words in text for text in texts] == [True, True]
    for text in (*texts, invoice_html(placed)):
        assert ("payment reference" in text) is (method is PaymentMethod.EFT)


@pytest.mark.parametrize(
    ("method", "name"),
    [(PaymentMethod.CARD, "Card"), (PaymentMethod.EFT, "EFT"), (PaymentMethod.INSTANT_EFT, "Instant EFT")],
)
def test_payment_method_and_country_are_shown_by_name(method: PaymentMethod, name: str) -> None:
    """The internal mail and the invoice show names and not codes."""
    placed = order(payment_method=method)
    sent = mail.order_notification(placed, order_recorded(placed, "c-1"))
    texts = [part.get_content() for part in sent.walk() if part.get_content_maintype() == "text"]
    for text in (*texts, invoice_html(placed)):
        read = re.sub("<[^>]*>", "", text)
        assert re.search(rf"Payment\s*{name}\s", read)
        assert "South Africa" in read
        assert "ZA" not in read.split()
