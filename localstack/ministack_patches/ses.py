"""SES: permissions to send mail."""

import base64
import email
import email.utils
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions

from localstack.ministack_patches.patching import Function, Patches

patches = Patches()


@patches.replaces(iam_actions, "extract_resource_arn")
def check_sender_identity(
    arn_of: Function, service: str, method: str, path: str, headers: dict[str, str], body: bytes, *request: Any
) -> Any:
    """Check SendRawEmail on the identity of the sender's domain; MiniStack checks it on `*`.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES".
    """
    if service == "ses" and b"Action=SendRawEmail" in body:
        _, region, account = request
        return f"arn:aws:ses:{region}:{account}:identity/{_sender(body).partition('@')[2]}"
    return arn_of(service, method, path, headers, body, *request)


@patches.replaces(iam_actions, "request_tag_context")
def give_sender_address(context: Function, service: str, action: str, body: bytes, parameters: dict[str, Any]) -> Any:
    """Give SendRawEmail the condition key `ses:FromAddress`, which MiniStack leaves out.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES".
    """
    keys = {"ses:FromAddress": _sender(body)} if action == "ses:SendRawEmail" else {}
    return {**context(service, action, body, parameters), **keys}


def _sender(body: bytes) -> str:
    """Address of the From header of a SendRawEmail request."""
    fields = parse_qs(body.decode(errors="replace"))
    header = email.message_from_bytes(base64.b64decode(fields["RawMessage.Data"][0]))["From"]
    return email.utils.parseaddr(header or fields.get("Source", [""])[0])[1]
