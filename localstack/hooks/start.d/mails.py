"""Hands every mail to the SMTP server at SMTP_HOST, as LocalStack does with a token only.

LocalStack runs this script when it starts.
"""

import os
import smtplib
from email import message_from_string
from email.utils import getaddresses
from typing import Any

from localstack.services.ses import provider

_RECIPIENTS = ("To", "Cc", "Bcc")
_SMTP_SECONDS = 10
_server = os.environ.get("SMTP_HOST", "")
_save = provider.save_for_retrospection


def relay(mail: dict[str, Any]) -> None:
    """Save a mail, and send it; the sender gets an error if the SMTP server does not take it."""
    _save(mail)
    if "RawData" in mail:
        message = message_from_string(mail["RawData"])
        to = [address for name in _RECIPIENTS for _, address in getaddresses(message.get_all(name, []))]
        with smtplib.SMTP(_server, timeout=_SMTP_SECONDS) as smtp:
            smtp.sendmail(mail["Source"], to, mail["RawData"].encode())


# With a LocalStack token LocalStack sends them itself.
if _server and not os.environ.get("LOCALSTACK_AUTH_TOKEN"):
    provider.save_for_retrospection = relay
