"""The mails of an order: built as MIME from templates, sent through SES. Their texts are in templates/."""

import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from html import unescape

from common import clients
from common.errors import PermanentError
from common.order import Order
from common.settings import settings
from common.status import OrderStatus
from common.templates import render

# SES accepts 7-bit only; long lines and other characters are encoded.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def build_message(*, to: str, subject: str, text: str, html: str, correlation_id: str) -> EmailMessage:
    """Build a mail with plain text and HTML; PermanentError if a header would contain a control character."""
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
        # The library rejects most line breaks, but neither a trailing one nor other control characters.
        if _CONTROL.search(value):
            raise PermanentError(f"mail header refused: {name} contains a control character")
        message[name] = value
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def _render(template: str, to: str, order: Order, correlation_id: str, **more: object) -> EmailMessage:
    """Build a mail from its two templates; the title of the HTML is the subject."""
    context = {"order": order, **more}
    html, text = render(f"{template}.html", context), render(f"{template}.txt", context)
    title = _TITLE.search(html)
    subject = " ".join(unescape(title[1] if title else str(order.id)).split())
    return build_message(to=to, subject=subject, text=text, html=html, correlation_id=correlation_id)


def order_confirmation(order: Order, invoice_pdf: bytes, correlation_id: str) -> EmailMessage:
    """The confirmation to the customer, with the invoice."""
    message = _render("customer/order_confirmation", order.customer_email, order, correlation_id)
    message.add_attachment(invoice_pdf, maintype="application", subtype="pdf", filename=f"{order.order_number}.pdf")
    return message


def order_notification(order: Order, correlation_id: str) -> EmailMessage:
    """The mail to the internal team about a new order."""
    return _render("internal/order_notification", settings.internal_notification_email, order, correlation_id)


def status_update(order: Order, status: OrderStatus, correlation_id: str) -> EmailMessage:
    """The mail to the customer about a new status, which may not be the order's status any more."""
    return _render("customer/order_status_update", order.customer_email, order, correlation_id, status=status)


def order_rejected(order: Order, correlation_id: str) -> EmailMessage:
    """The mail to the customer about an order that was rejected."""
    return _render("customer/order_rejected", order.customer_email, order, correlation_id)


def send(message: EmailMessage) -> str:
    """Send a mail through SES and return the id that SES gave it."""
    if settings.mail_configuration_set:
        message["X-SES-CONFIGURATION-SET"] = settings.mail_configuration_set
    response = clients.ses().send_raw_email(
        Source=settings.mail_from, Destinations=[message["To"]], RawMessage={"Data": message.as_bytes()}
    )
    return response["MessageId"]
