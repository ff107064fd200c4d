"""SMTP server that stores each mail in a file: `python -m localstack.sidecars.mail_catcher PORT FOLDER`.

The embedded engine stores them itself, in its own process.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from tooling.files import write_whole

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session


class MailCatcher:
    """Stores the mails that SES relays as .eml files in a folder; their names sort by time of arrival."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail before acknowledging it."""
        self.keep(envelope.original_content or b"")
        return "250 kept"

    def keep(self, mail: bytes) -> None:
        """Write a mail, whole or not at all."""
        name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}"
        write_whole(self._directory / f"{name}.eml", mail)


async def serve(port: int, directory: Path) -> None:
    """Serve until cancelled."""
    # Imported late: the engine, which keeps mails itself, does not need it.
    from aiosmtpd.smtp import SMTP

    catcher = MailCatcher(directory)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(catcher, hostname="localhost", data_size_limit=40 * 1024 * 1024), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
