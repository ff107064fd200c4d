"""Logs contain no email address and no token."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.observability import logger

TOKEN = ".".join(("eyJhbGciOiJub25lIn0", "eyJzdWIiOiJ0aGFuZGkifQ", "c2ln"))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The lines that are logged."""
    handler: Any = logger.registered_handler
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def test_log_aws_error_hides_address(lines: io.StringIO) -> None:
    """The email address in an error of SES is not logged."""
    # The message of SES for an account in the sandbox (SES Developer Guide, "Amazon SES email sending errors").
    message = "Email address is not verified. The following identities failed the check: thandi+x@acme.example"
    try:
        raise ClientError({"Error": {"Code": "MessageRejected", "Message": message}}, "SendRawEmail")
    except ClientError:
        logger.exception("message failed", error_type="MessageRejected")
    line = json.loads(lines.getvalue())
    assert "acme.example" not in lines.getvalue()
    assert "MessageRejected" in line["exception"]
    assert "failed the check: (mail address)" in line["exception"]
    assert (line["message"], line["error_type"]) == ("message failed", "MessageRejected")


@pytest.mark.parametrize(
    "text",
    [
        "a\nthandi@acme.example\nb",
        "<o'neill@mail.acme.example>",
        f"Bearer {TOKEN}",
        f"{TOKEN}/thandi@acme.example",
    ],
)
def test_log_hides_addresses_and_tokens(lines: io.StringIO, text: str) -> None:
    """Email addresses and tokens are removed from every field of a log line."""
    logger.warning(text, order_id="o-1", more={"text": text})
    line = json.loads(lines.getvalue())
    assert line["order_id"] == "o-1"
    for found in (line["message"], line["more"]["text"]):
        assert "(" in found
        assert "@" not in found
        assert "eyJ" not in found


def test_log_other_text_is_unchanged(lines: io.StringIO) -> None:
    """Text that only resembles an address is logged unchanged."""
    text = 'File "handler.py", line 3\n    @logger.inject\n    a @ b.T'
    logger.info(text, number=7)
    assert json.loads(lines.getvalue())["message"] == text
    assert json.loads(lines.getvalue())["number"] == 7
