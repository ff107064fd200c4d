"""Mails that the mail catcher stored."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path


class Mailbox:
    """Mails of a stack by correlation id.

    Args:
        directory: Folder of the mail catcher.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._headers: dict[Path, str | None] = {}

    def find(self, correlation_id: str) -> list[tuple[Path, EmailMessage]]:
        """Find the mails with a correlation id, oldest first."""
        # Mails never change, so each is parsed once.
        for path in self._directory.glob("*.eml"):
            if path not in self._headers:
                self._headers[path] = _parse(path)["X-Correlation-Id"]
        return [(path, _parse(path)) for path in sorted(self._headers) if self._headers[path] == correlation_id]


def _parse(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=default)


def arrived_at(path: Path) -> float:
    """When a mail arrived, in seconds since the epoch, from its file name."""
    return int(path.name.partition("-")[0]) / 1e9
