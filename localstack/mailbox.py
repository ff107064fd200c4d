"""Reads what the mail catcher kept."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path


class Mailbox:
    """The mails of a stack, by correlation id.

    Args:
        directory: where the mail catcher puts them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._headers: dict[Path, str | None] = {}

    def find(self, correlation_id: str) -> list[tuple[Path, EmailMessage]]:
        """The mails that carry a correlation id, oldest first."""
        # A kept mail never changes, so that each is read once however often one asks.
        for path in self._directory.glob("*.eml"):
            if path not in self._headers:
                self._headers[path] = _parse(path)["X-Correlation-Id"]
        return [(path, _parse(path)) for path in sorted(self._headers) if self._headers[path] == correlation_id]


def _parse(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=default)


def arrived_at(path: Path) -> float:
    """When a kept mail arrived, in seconds since the epoch: the mail catcher names it by that."""
    return int(path.name.partition("-")[0]) / 1e9
