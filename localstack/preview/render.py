"""A template with a sample, through the code that runs in AWS, from the packaged templates."""

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pypdfium2
from jinja2 import TemplateSyntaxError

from common import invoice, mail
from common.status import OrderStatus
from common.templates import PACKAGED, only_packaged
from localstack.preview import mail_rules, pdf_rules
from localstack.preview.samples import orders

CONFIRMATION, NOTIFICATION, STATUS, INVOICE = (
    "customer/order_confirmation",
    "internal/order_notification",
    "customer/order_status_update",
    "invoice/invoice",
)
_SETTINGS = {
    "MAIL_FROM": "noreply@kimmyai.io",
    "MAIL_REPLY_TO": "support@kimmyai.io",
    "INTERNAL_NOTIFICATION_EMAIL": "orders@kimmyai.io",
}


@dataclass(frozen=True)
class Subject:
    """A template and the sample to show it with: the name of an order, or a status."""

    template: str
    sample: str

    @property
    def slug(self) -> str:
        """Its folder in build/preview, and the beginning of its pictures' names."""
        return f"{self.template.rpartition('/')[2].replace('_', '-')}.{self.sample}"


@dataclass
class Rendered:
    """What came of it.

    Attributes:
        html, text, subject: of a mail; of an invoice, its HTML, the PDF's text and the title.
        pdf: of an invoice.
        problems: what breaks a rule of mail clients, PDF/A or PDF/UA, and what WeasyPrint complained of.
        error: why there is nothing, with file and line.
    """

    html: str = ""
    text: str = ""
    subject: str = ""
    pdf: bytes = b""
    problems: list[str] = field(default_factory=list)
    error: str = ""


def subjects() -> list[Subject]:
    """Every template with every sample that it shows differently."""
    names = list(orders())
    return [
        *(Subject(template, name) for template in (CONFIRMATION, INVOICE, NOTIFICATION) for name in names),
        *(Subject(STATUS, status.value.lower()) for status in OrderStatus),
    ]


def where(error: BaseException) -> str:
    """An error as a sentence that begins with the file and line of the template."""
    if isinstance(error, TemplateSyntaxError):
        return f"{_shown(error.filename or 'templates')}:{error.lineno}: {error.message}"
    inner = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(PACKAGED))]
    if not inner:
        return f"{type(error).__name__}: {error}"
    # The text of the line, since a filter does not say which name it was given nothing by.
    return f"{_shown(inner[-1].filename)}:{inner[-1].lineno}: {type(error).__name__}: {error}, in {inner[-1].line}"


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(PACKAGED.parent)) if path.is_relative_to(PACKAGED) else filename


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What WeasyPrint logs: CSS that it passes over, characters that no font has."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler, logger = Collect(), logging.getLogger("weasyprint")
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def message(subject: Subject) -> EmailMessage:
    """The mail of a subject, without the invoice that the confirmation attaches.

    Raises:
        TemplateError: of the template.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    with only_packaged():
        if subject.template == STATUS:
            status = OrderStatus[subject.sample.upper()]
            return mail.status_update(orders()["campaign"], status, "preview")
        order = orders()[subject.sample]
        if subject.template == CONFIRMATION:
            return mail.order_confirmation(order, b"", "preview")
        return mail.order_notification(order, "preview")


def part(of: EmailMessage, kind: str) -> str:
    """The text of a mail's part, plain or html."""
    body = of.get_body((kind,))
    return str(body.get_content()) if body else ""


def pdf_text(pdf: bytes) -> str:
    """The text of a PDF, as a reader copies it."""
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def render(subject: Subject) -> Rendered:
    """Render a subject; what goes wrong is in the result, so that the others are shown."""
    try:
        if subject.template == INVOICE:
            order = orders()[subject.sample]
            with only_packaged(), _complaints() as complaints:
                html, pdf = invoice.invoice_html(order), invoice.render_invoice(order)
            problems = [*dict.fromkeys(complaints), *pdf_rules.problems(pdf)]
            return Rendered(html, pdf_text(pdf), pdf_rules.title(pdf), pdf, problems)
        sent = message(subject)
        html = part(sent, "html")
        return Rendered(html, part(sent, "plain"), sent["Subject"], problems=mail_rules.problems(html))
    except Exception as error:  # whatever a template does, the page shows it
        return Rendered(error=where(error))
