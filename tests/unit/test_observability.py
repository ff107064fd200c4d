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
    """What is logged."""
    handler: Any = logger.registered_handler
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def test_an_error_of_aws_tells_no_mail_address(lines: io.StringIO) -> None:
    # As SES says it of an account in its sandbox (SES Developer Guide, "Amazon SES email sending errors").
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
def test_no_line_holds_a_mail_address_or_a_token(lines: io.StringIO, text: str) -> None:
    logger.warning(text, order_id="o-1", more={"text": text})
    line = json.loads(lines.getvalue())
    assert line["order_id"] == "o-1"
    for found in (line["message"], line["more"]["text"]):
        assert "(" in found
        assert "@" not in found
        assert "eyJ" not in found


def test_what_is_no_address_stays(lines: io.StringIO) -> None:
    text = 'File "handler.py", line 3\n    @logger.inject\n    a @ b.T'
    logger.info(text, number=7)
    assert json.loads(lines.getvalue())["message"] == text
    assert json.loads(lines.getvalue())["number"] == 7
