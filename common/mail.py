"""The mails of an order: built as MIME from templates, sent through SES. Their texts are in templates/.

A mail's Message-ID follows from the message that it is sent for, so each attempt builds the same mail. SES replaces the
header: a recipient sees SES's own id (SES Developer Guide, "Amazon SES header fields"). What SES reports about a mail
has the headers as they are here, and the tags.
"""

import re
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from functools import cache
from html import unescape
from typing import Any

from common import clients
from common.correlation import CORRELATION_HEADER
from common.errors import PermanentError
from common.events import Envelope
from common.mail_problem import MailKind, MailProblem
from common.order import Order
from common.settings import settings
from common.status import OrderStatus
from common.templates import render


class _HeaderClasses(HeaderRegistry):
    """Makes the class of each header once; the library makes one for each header of each mail."""

    @cache  # noqa: B019  # there is one instance, and a dozen names
    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name)


# SES accepts 7-bit only; long lines and other characters are encoded.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76, header_factory=_HeaderClasses())
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def build_message(
    *, to: str, subject: str, text: str, html: str, message_id: str, correlation_id: str, tags: dict[str, str]
) -> EmailMessage:
    """Build a mail with plain text and HTML; PermanentError if a header would contain a control character.

    Args:
        message_id: Identifies the mail; the same on each attempt to send it.
        tags: What SES repeats in its reports on the mail; only A-Z, a-z, 0-9, - and _ are allowed.
    """
    message = EmailMessage(policy=_POLICY)
    headers = {
        "From": settings.mail_from,
        "To": to,
        "Reply-To": settings.mail_reply_to,
        "Subject": subject,
        "Date": formatdate(),
        "Message-ID": f"<{message_id}@{settings.mail_from.rpartition('@')[2]}>",
        "Auto-Submitted": "auto-generated",
        CORRELATION_HEADER: correlation_id,
        "X-SES-MESSAGE-TAGS": ", ".join(f"{name}={value}" for name, value in tags.items()),
    }
    for name, value in headers.items():
        # The library rejects most line breaks, but neither a trailing one nor other control characters.
        if _CONTROL.search(value):
            raise PermanentError(f"mail header refused: {name} contains a control character")
        message[name] = value
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def _render(kind: MailKind, template: str, order: Order, envelope: Envelope, **more: object) -> EmailMessage:
    """Build a mail from its two templates; the title of the HTML is the subject."""
    context = {"order": order, **more}
    html, text = render(f"{template}.html", context), render(f"{template}.txt", context)
    title = _TITLE.search(html)
    subject = " ".join(unescape(title[1] if title else str(order.id)).split())
    return build_message(
        to=settings.internal_notification_email if kind is MailKind.INTERNAL else order.customer_email,
        subject=subject,
        text=text,
        html=html,
        message_id=str(envelope.message_id),
        correlation_id=envelope.correlation_id,
        # The shortest first: the header is then folded between tags, and not before them.
        tags={"mail": kind, "orderId": str(order.id), "tenantId": order.tenant_id},
    )


def order_confirmation(order: Order, invoice_pdf: bytes, envelope: Envelope) -> EmailMessage:
    """The confirmation to the customer, with the invoice."""
    message = _render(MailKind.CONFIRMATION, "customer/order_confirmation", order, envelope)
    message.add_attachment(invoice_pdf, maintype="application", subtype="pdf", filename=f"{order.order_number}.pdf")
    return message


def order_notification(order: Order, envelope: Envelope) -> EmailMessage:
    """The mail to the internal team about a new order."""
    return _render(MailKind.INTERNAL, "internal/order_notification", order, envelope)


def status_update(order: Order, status: OrderStatus, envelope: Envelope) -> EmailMessage:
    """The mail to the customer about a new status, which may not be the order's status any more."""
    return _render(MailKind.STATUS, "customer/order_status_update", order, envelope, status=status)


def mail_problem(order: Order, problem: MailProblem, envelope: Envelope) -> EmailMessage:
    """The mail to the internal team about a customer's mail that did not arrive or was reported as spam."""
    return _render(MailKind.INTERNAL, "internal/mail_problem", order, envelope, problem=problem)


def order_rejected(order: Order, envelope: Envelope) -> EmailMessage:
    """The mail to the customer about an order that was rejected."""
    return _render(MailKind.REJECTION, "customer/order_rejected", order, envelope)


def send(message: EmailMessage) -> str:
    """Send a mail through SES and return the id that SES gave it."""
    if settings.mail_configuration_set:
        message["X-SES-CONFIGURATION-SET"] = settings.mail_configuration_set
    response = clients.ses().send_raw_email(
        Source=settings.mail_from, Destinations=[message["To"]], RawMessage={"Data": message.as_bytes()}
    )
    return response["MessageId"]
