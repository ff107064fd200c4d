"""Grants to send mail."""

from __future__ import annotations

import base64
import email
import email.utils
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions


def _sender(body: bytes) -> str:
    """The address that a SendRawEmail request sends from."""
    fields = parse_qs(body.decode(errors="replace"))
    header = email.message_from_bytes(base64.b64decode(fields["RawMessage.Data"][0]))["From"]
    return email.utils.parseaddr(header or fields.get("Source", [""])[0])[1]


def check_mail_grants() -> None:
    """Check SendRawEmail against the sender's identity and `ses:FromAddress`.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES".
    """
    arn_of, context_of = iam_actions.extract_resource_arn, iam_actions.request_tag_context

    def resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        params: dict[str, Any],
        region: str,
        account: str,
    ) -> Any:
        if service == "ses" and b"Action=SendRawEmail" in body:
            return f"arn:aws:ses:{region}:{account}:identity/{_sender(body).partition('@')[2]}"
        return arn_of(service, method, path, headers, body, params, region, account)

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> Any:
        mail = {"ses:FromAddress": _sender(body)} if action == "ses:SendRawEmail" else {}
        return {**context_of(service, action, body, params), **mail}

    iam_actions.extract_resource_arn, iam_actions.request_tag_context = resource_arn, context
