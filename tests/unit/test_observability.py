"""Logs contain no email address and no token."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.observability import logger
from tooling.paths import ROOT

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
        "a@xn--e1afmkfd.xn--p1ai",
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
        assert "p1ai" not in found
        assert "eyJ" not in found


def test_log_other_text_is_unchanged(lines: io.StringIO) -> None:
    """Text that only resembles an address is logged unchanged."""
    text = 'File "handler.py", line 3\n    @logger.inject\n    a @ b.T'
    logger.info(text, number=7)
    assert json.loads(lines.getvalue())["message"] == text
    assert json.loads(lines.getvalue())["number"] == 7


AS_IN_LAMBDA = """
import logging
# What Lambda's runtime sets up before it imports a function (awslambdaric/bootstrap.py, `_setup_logging`).
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
logging.getLogger().addHandler(handler)
from common.invoice import render_pdf
from common.observability import logger
render_pdf("<html lang=en><title>Invoice</title><p>\\N{CJK UNIFIED IDEOGRAPH-5317}")
logger.warning("ours")
"""


def test_library_warning_is_structured_and_has_no_text() -> None:
    """In Lambda a library's warning is one of our log lines, without the customer's letters that it quotes."""
    environment = os.environ | {"AWS_LAMBDA_FUNCTION_NAME": "invoice", "POWERTOOLS_SERVICE_NAME": "order-lambda"}
    command = [sys.executable, "-c", AS_IN_LAMBDA]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    first, *_, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["level"], first["message"], first["library"]) == ("WARNING", "library warning", "weasyprint")
    assert first["source"].startswith("text:")
    assert last["message"] == "ours"
    assert "5317" not in done.stdout
    assert "\N{CJK UNIFIED IDEOGRAPH-5317}" not in done.stdout
    assert done.stderr == ""
