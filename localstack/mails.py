"""Reads the mails that the mail catcher has caught."""

import re
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import default
from functools import cache
from pathlib import Path
from typing import NamedTuple

from common.correlation import CORRELATION_HEADER
from localstack.logs import utc

INTERNAL, CUSTOMER, STATUS, PROBLEM = "internal mail", "customer mail", "status mail", "mail problem"
_NAME = re.compile(r"[0-9]{1,20}-[0-9a-f]{8}")
_NUMBER = re.compile(r"ORD-[0-9]{4}-[0-9]{5,}")
_HEADER_BYTES = 16_384
# By the first words of the subject; any other mail is about a change of status.
_KINDS = {
    "New order": INTERNAL,
    "Your order": CUSTOMER,
    "We couldn't accept your order": CUSTOMER,
    "Mail about": PROBLEM,
}


class Mail(NamedTuple):
    """A caught mail: the name of its file without the ending, when it was caught, and its headers."""

    name: str
    at: datetime
    # INTERNAL, CUSTOMER, STATUS or PROBLEM.
    kind: str
    recipient: str
    subject: str
    order_number: str | None
    correlation_id: str

    @property
    def key(self) -> str:
        """What its order is found by: the number in the subject, and without one the correlation id."""
        return self.order_number or self.correlation_id


def arrived_at(path: Path) -> float:
    """When a mail arrived, in seconds since the epoch, from its file name."""
    return int(path.name.partition("-")[0]) / 1e9


def _headers(path: Path) -> Message:
    with path.open("rb") as file:
        return BytesHeaderParser(policy=default).parsebytes(file.read(_HEADER_BYTES))


def _parse(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=default)


@cache  # mails never change
def _correlation_id(path: Path) -> str:
    return str(_headers(path)[CORRELATION_HEADER] or "")


class Mailbox:
    """Mails in the folder of a mail catcher, by correlation id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, correlation_id: str) -> list[tuple[Path, EmailMessage]]:
        """Find the mails with a correlation id, oldest first."""
        paths = sorted(self._directory.glob("*.eml"))
        return [(path, _parse(path)) for path in paths if _correlation_id(path) == correlation_id]


def _mail(path: Path) -> Mail:
    headers = _headers(path)
    subject = str(headers["Subject"] or "")
    number = _NUMBER.search(subject)
    return Mail(
        name=path.stem,
        at=utc(int(path.stem.partition("-")[0]) / 1_000_000),
        kind=next((kind for words, kind in _KINDS.items() if subject.startswith(words)), STATUS),
        recipient=str(headers["To"] or ""),
        subject=subject,
        order_number=number[0] if number else None,
        correlation_id=str(headers[CORRELATION_HEADER] or ""),
    )


class MailFolder:
    """The folder of the mail catcher. A mail never changes, so each is read once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mails: dict[str, Mail] = {}

    def refresh(self) -> list[Mail]:
        """Read the new mails and return them, oldest first."""
        paths = {path.stem: path for path in self._directory.glob("*.eml") if _NAME.fullmatch(path.stem)}
        new = [_mail(paths[name]) for name in sorted(paths.keys() - self._mails.keys())]
        kept = {name: mail for name, mail in self._mails.items() if name in paths}
        self._mails = kept | {mail.name: mail for mail in new}
        return new

    def newest(self, limit: int) -> list[Mail]:
        mails = self._mails
        return [mails[name] for name in sorted(mails, reverse=True)[:limit]]

    def get(self, name: str) -> Mail | None:
        return self._mails.get(name)

    def of_order(self, key: str) -> list[Mail]:
        """Mails of the order with this key, oldest first."""
        return sorted((mail for mail in self._mails.values() if mail.key == key), key=lambda m: m.at)

    def read(self, mail: Mail) -> EmailMessage:
        return _parse(self._directory / f"{mail.name}.eml")
