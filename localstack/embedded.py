"""Starts MiniStack, and teaches it what AWS does and it does not yet; runs in the engine's virtual environment.

Each lesson makes the engine stricter or closer to AWS, and `tests/integration/test_embedded.py` tries each on it.
"""

from __future__ import annotations

import base64
import email
import email.utils
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ministack import app as gateway
from ministack.core import iam_actions
from ministack.services import lambda_svc

_Scope = dict[str, Any]
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]


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


def route_by_weight() -> None:
    """Give a part of an alias's calls to the versions in its routing configuration.

    Source: AWS Lambda Developer Guide, "Implement Lambda canary deployments using a weighted alias".
    """
    record_of = lambda_svc._effective_func_record_for_qualifier

    def record(function: Any, qualifier: str | None) -> Any:
        alias = (function or {}).get("aliases", {}).get(qualifier, {})
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        for version, weight in weights.items():
            # Traffic, not secrets.
            if random.random() < float(weight):  # noqa: S311
                return record_of(function, version)
        return record_of(function, qualifier)

    lambda_svc._effective_func_record_for_qualifier = record


def lose_what_is_listed(listed: Path) -> None:
    """Answer 503 to requests for what a file lists by word: a region, or the id of an API.

    Args:
        listed: of the words; while it is not there, nothing is lost.
    """
    serve = gateway.app

    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        words = listed.read_text().split() if scope["type"] == "http" and listed.exists() else []
        signed = dict(scope.get("headers", [])).get(b"authorization", b"").decode("latin-1")
        if any(f"/{word}/" in text for word in words for text in (signed, scope["path"])):
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b"<Error><Code>ServiceUnavailable</Code></Error>"})
            return
        await serve(scope, receive, send)

    gateway.app = app


def main() -> None:
    """Serve until stopped."""
    check_mail_grants()
    route_by_weight()
    lose_what_is_listed(Path(os.environ["LOST_FILE"]))
    gateway.main()


if __name__ == "__main__":
    main()
