"""Renders a template with a sample through the code that runs in AWS, from the packaged templates."""

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from jinja2 import TemplateSyntaxError

from common import invoice, mail
from common.errors import RejectionCode
from common.events import Envelope, OrderRecorded
from common.mail_problem import BounceKind, MailKind, MailProblem, MailProblemType
from common.status import OrderStatus
from common.templates import PACKAGED, only_packaged
from evidence.content import body, pdf_text
from localstack.preview.samples import orders, rejected_order

CONFIRMATION, NOTIFICATION, PROBLEM, REJECTION, STATUS, INVOICE = (
    "customer/order_confirmation",
    "internal/order_notification",
    "internal/mail_problem",
    "customer/order_rejected",
    "customer/order_status_update",
    "invoice/invoice",
)
# What can become of a mail: a bounce by its kind.
PROBLEMS = {
    **{kind.lower(): (MailProblemType.BOUNCE, kind) for kind in BounceKind},
    **{type_.lower(): (type_, None) for type_ in (MailProblemType.COMPLAINT, MailProblemType.REJECT)},
}
# The statuses that a change can lead to, and the first one.
STATUSES = [status for status in OrderStatus if status is not OrderStatus.REJECTED]
_SETTINGS = {
    "MAIL_FROM": "noreply@kimmyai.io",
    "MAIL_REPLY_TO": "support@kimmyai.io",
    "INTERNAL_NOTIFICATION_EMAIL": "orders@kimmyai.io",
}


@dataclass(frozen=True)
class Preview:
    """A template, and a sample: the name of an order, a status, the code of a rejection, or what became of a mail."""

    template: str
    sample: str

    @property
    def slug(self) -> str:
        """Its folder in build/preview."""
        return f"{self.template.rpartition('/')[2].replace('_', '-')}.{self.sample}"


@dataclass
class Rendered:
    """The result of rendering.

    Attributes:
        text: Plain text version of the mail, or the text of the PDF.
        title: Subject of the mail, or title of the PDF.
        problems: Warnings of WeasyPrint.
        error: Why rendering failed, with file and line of the template; empty if it worked.
    """

    html: str = ""
    text: str = ""
    title: str = ""
    pdf: bytes = b""
    problems: list[str] = field(default_factory=list)
    error: str = ""


def previews() -> list[Preview]:
    """Every template with every sample."""
    names = list(orders())
    return [
        *(Preview(template, name) for template in (CONFIRMATION, INVOICE, NOTIFICATION) for name in names),
        *(Preview(STATUS, status.value.lower()) for status in STATUSES),
        *(Preview(REJECTION, code.value.lower()) for code in RejectionCode),
        *(Preview(PROBLEM, name) for name in PROBLEMS),
    ]


def _describe(error: BaseException) -> str:
    """Describe an error, starting with file and line of the template."""
    if isinstance(error, TemplateSyntaxError):
        return f"{_relative(error.filename or 'templates')}:{error.lineno}: {error.message}"
    inner = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(PACKAGED))]
    if not inner:
        return f"{type(error).__name__}: {error}"
    # With the line's text: the error of a filter does not name the undefined value that it got.
    return f"{_relative(inner[-1].filename)}:{inner[-1].lineno}: {type(error).__name__}: {error}, in {inner[-1].line}"


def _relative(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(PACKAGED.parent)) if path.is_relative_to(PACKAGED) else filename


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what WeasyPrint logs: ignored CSS, and characters that no font has."""
    lines: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger("weasyprint")
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def message(preview: Preview) -> EmailMessage:
    """The mail of a preview, without the attached invoice. Raises TemplateError: The template is wrong."""
    os.environ.update(_SETTINGS)
    samples = orders()
    order = samples.get(preview.sample) or samples["campaign"]
    envelope = Envelope.of(OrderRecorded(tenant_id=order.tenant_id, order_id=order.id), "preview")
    with only_packaged():
        if preview.template == STATUS:
            return mail.status_update(order, OrderStatus[preview.sample.upper()], envelope)
        if preview.template == REJECTION:
            return mail.order_rejected(rejected_order(RejectionCode[preview.sample.upper()]), envelope)
        if preview.template == PROBLEM:
            type_, kind = PROBLEMS[preview.sample]
            problem = MailProblem(type=type_, kind=kind, mail=MailKind.CONFIRMATION, at=order.date_created)
            return mail.mail_problem(order, problem, envelope)
        if preview.template == CONFIRMATION:
            return mail.order_confirmation(order, b"", envelope)
        return mail.order_notification(order, envelope)


def render(preview: Preview) -> Rendered:
    """Render a preview; an error is part of the result, so that the other previews are shown."""
    try:
        if preview.template == INVOICE:
            order = orders()[preview.sample]
            with only_packaged(), _warnings() as warnings:
                html, pdf = invoice.invoice_html(order), invoice.render_invoice(order)
            title = f"Tax Invoice {order.order_number}"
            return Rendered(html, pdf_text(pdf), title, pdf, list(dict.fromkeys(warnings)))
        sent = message(preview)
        return Rendered(body(sent, "html"), body(sent, "plain"), sent["Subject"])
    except Exception as error:  # the page shows any error of a template
        return Rendered(error=_describe(error))
