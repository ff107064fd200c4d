"""The mails of an order (R7): built as MIME, sent through SES."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

from common import clients
from common.errors import PermanentError
from common.order import Order
from common.settings import settings
from common.status import OrderStatus
from common.templates import render

# SES takes 7-bit only; long lines and other characters are encoded.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_STATUS_TEXTS: dict[OrderStatus, tuple[str, str]] = {
    OrderStatus.PENDING_PAYMENT: ("We wait for your payment", "We start on your order when the payment is in."),
    OrderStatus.PAID: ("We have your payment", "Thank you. We start on your order now."),
    OrderStatus.PROCESSING: ("We are working on your order", "We tell you when it is complete."),
    OrderStatus.COMPLETED: ("Your order is complete", "Thank you for buying from us."),
    OrderStatus.CANCELLED: (
        "Your order is cancelled",
        "If you have paid already, the money goes back to you the way it came.",
    ),
    OrderStatus.EXPIRED: (
        "Your order has expired",
        "No payment came in time, so nothing is owed. You are welcome to order again.",
    ),
    OrderStatus.REFUNDED: (
        "Your money is on its way back",
        "The refund goes the way that you paid; banks take up to five working days.",
    ),
}


@dataclass(frozen=True)
class Attachment:
    """A PDF that goes with a mail."""

    filename: str
    content: bytes


def build_message(
    *,
    to: str,
    subject: str,
    text: str,
    html: str,
    correlation_id: str,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """A mail as plain text and HTML.

    Raises:
        PermanentError: a header would hold a line break or another control character.
    """
    message = EmailMessage(policy=_POLICY)
    headers = {
        "From": settings.mail_from,
        "To": to,
        "Reply-To": settings.mail_reply_to,
        "Subject": subject,
        "Date": formatdate(),
        "Message-ID": make_msgid(domain=settings.mail_from.rpartition("@")[2]),
        "Auto-Submitted": "auto-generated",
        "X-Correlation-Id": correlation_id,
    }
    for name, value in headers.items():
        # The library refuses most line breaks, and neither one at the end nor other controls.
        if _CONTROL.search(value):
            raise PermanentError(f"mail header refused: {name} holds a control character")
        message[name] = value
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    for attachment in attachments:
        message.add_attachment(attachment.content, maintype="application", subtype="pdf", filename=attachment.filename)
    return message


def _message(
    template: str,
    context: dict[str, object],
    *,
    to: str,
    subject: str,
    correlation_id: str,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    return build_message(
        to=to,
        subject=subject,
        text=render(f"{template}.txt", context),
        html=render(f"{template}.html", context),
        correlation_id=correlation_id,
        attachments=attachments,
    )


def order_confirmation(order: Order, invoice_pdf: bytes, correlation_id: str) -> EmailMessage:
    """The customer's confirmation, with the invoice."""
    return _message(
        "customer/order_confirmation",
        {"order": order},
        to=order.customer_email,
        subject=f"Your order {order.order_number}",
        correlation_id=correlation_id,
        attachments=[Attachment(f"{order.order_number}.pdf", invoice_pdf)],
    )


def order_notification(order: Order, correlation_id: str) -> EmailMessage:
    """The mail that tells the internal team of an order."""
    return _message(
        "internal/order_notification",
        {"order": order},
        to=settings.internal_notification_email,
        subject=f"New order {order.order_number} of {order.tenant_id}",
        correlation_id=correlation_id,
    )


def status_update(order: Order, to_status: OrderStatus, correlation_id: str) -> EmailMessage:
    """The mail that tells the customer of a new status, and what is next."""
    headline, text = _STATUS_TEXTS[to_status]
    return _message(
        "customer/order_status_update",
        {"order": order, "headline": headline, "message": text},
        to=order.customer_email,
        subject=f"Order {order.order_number}: {headline.lower()}",
        correlation_id=correlation_id,
    )


def send(message: EmailMessage) -> str:
    """Send a mail through SES and return its id there."""
    answer = clients.ses().send_raw_email(
        Source=settings.mail_from, Destinations=[message["To"]], RawMessage={"Data": message.as_bytes()}
    )
    return answer["MessageId"]
