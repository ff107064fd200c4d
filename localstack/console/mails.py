"""The mails that were caught, as the console shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path

from localstack.console.logs import moment_of

INTERNAL, CONFIRMATION, STATUS = "internal mail", "confirmation", "status update"
_NAME = re.compile(r"[0-9]{1,20}-[0-9a-f]{8}")
_NUMBER = re.compile(r"ORD-[0-9]{4}-[0-9]{5,}")
_HEADER_BYTES = 16_384


@dataclass(frozen=True)
class Mail:
    """A mail in the folder.

    Args:
        name: of its file, without the ending.
        moment: when it was caught, from the name.
        kind: internal mail, confirmation or status update.
        recipient: to whom.
        subject: of it.
        order_number: that the subject names; None if it names none.
        correlation_id: of the message that it was sent for; empty if it has none.
    """

    name: str
    moment: datetime
    kind: str
    recipient: str
    subject: str
    order_number: str | None
    correlation_id: str


@dataclass(frozen=True)
class Content:
    """What is in a mail: headers, both bodies, attachments, and all of it as it was sent."""

    headers: list[tuple[str, str]]
    html: str
    text: str
    source: str
    attachments: list[EmailMessage]


def _kind(subject: str) -> str:
    if subject.startswith("New order"):
        return INTERNAL
    return CONFIRMATION if subject.startswith("Your order") else STATUS


def _read_headers(path: Path) -> Mail:
    with path.open("rb") as file:
        headers = BytesHeaderParser(policy=default).parsebytes(file.read(_HEADER_BYTES))
    subject = str(headers["Subject"] or "")
    number = _NUMBER.search(subject)
    return Mail(
        name=path.stem,
        moment=moment_of(int(path.stem.partition("-")[0]) / 1_000_000),
        kind=_kind(subject),
        recipient=str(headers["To"] or ""),
        subject=subject,
        order_number=number[0] if number else None,
        correlation_id=str(headers["X-Correlation-Id"] or ""),
    )


class MailFolder:
    """The folder of the mail catcher; a mail there never changes, so each is read once.

    Args:
        directory: where it is.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mails: dict[str, Mail] = {}

    def refresh(self) -> list[Mail]:
        """Read what has come since, and return it, oldest first."""
        names = {path.stem: path for path in self._directory.glob("*.eml") if _NAME.fullmatch(path.stem)}
        for gone in self._mails.keys() - names.keys():
            del self._mails[gone]
        fresh = [_read_headers(names[name]) for name in sorted(names.keys() - self._mails.keys())]
        self._mails |= {mail.name: mail for mail in fresh}
        return fresh

    def newest(self, most: int) -> list[Mail]:
        """The newest mails first."""
        return [self._mails[name] for name in sorted(self._mails, reverse=True)[:most]]

    def get(self, name: str) -> Mail | None:
        """The mail of this name."""
        return self._mails.get(name)

    def of_order(self, number: str) -> list[Mail]:
        """The mails whose subject names an order, oldest first."""
        return sorted(
            (mail for mail in list(self._mails.values()) if mail.order_number == number), key=lambda m: m.moment
        )

    def content(self, mail: Mail) -> Content:
        """Read all of a mail."""
        raw = (self._directory / f"{mail.name}.eml").read_bytes()
        message = message_from_bytes(raw, policy=default)
        bodies = {kind: message.get_body((kind,)) for kind in ("html", "plain")}
        html, text = (part.get_content() if part else "" for part in bodies.values())
        return Content(
            headers=[(name, str(value)) for name, value in message.items()],
            html=html,
            text=text,
            source=raw.decode("utf-8", errors="replace"),
            attachments=list(message.iter_attachments()),
        )
