"""What the harness needs of the engine: records of decisions and changes, snapshots, and the loss of a region."""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack import app as gateway
from ministack.core import iam_evaluator, persistence

from localstack.ministack_patches.patching import Function, replaces

_LOST_FILE = Path(os.environ["LOST_FILE"])
_DECISIONS_FILE = Path(os.environ["DECISIONS_FILE"])
_CHANGES_FILE = Path(os.environ["CHANGES_FILE"])
_SESSION = ":assumed-role/"
# First words of the actions that only read; those of API Gateway are named by HTTP method.
_READS = ("Get", "GET", "List", "Describe", "Head", "BatchGet", "Query", "Scan", "Filter", "Receive", "StartQuery")
# Traffic through the resources, and the users of the pool: Terraform manages none of it.
_TRAFFIC = {
    "cloudwatch": "PutMetricData SetAlarmState",
    "cognito-idp": (
        "AdminAddUserToGroup AdminCreateUser AdminDeleteUser AdminSetUserPassword AdminUserGlobalSignOut "
        "InitiateAuth RespondToAuthChallenge RevokeToken"
    ),
    "dynamodb": "BatchWriteItem ConditionCheckItem DeleteItem PutItem TransactWriteItems UpdateItem",
    "execute-api": "Invoke",
    "lambda": "InvokeFunction",
    "logs": "CreateLogStream PutLogEvents",
    "ses": "DeleteSuppressedDestination PutSuppressedDestination SendRawEmail",
    "sns": "Publish",
    "sqs": "ChangeMessageVisibility DeleteMessage PurgeQueue SendMessage",
}
_lock = threading.Lock()
# Hashes of the decisions: every invoice is a resource of its own.
_recorded: set[int] = set()


def record_decision(principal: str, action: str, resource: str, allowed: bool) -> None:
    """Append a decision about a role's session to DECISIONS_FILE as a line of JSON: role, action, resource, allowed.

    An allowed one is recorded only once.
    """
    if _SESSION not in principal:
        return
    role = principal.split("/")[1]
    decision = hash((role, action, resource, allowed))
    with _lock:
        if allowed and decision in _recorded:
            return
        _recorded.add(decision)
        line = json.dumps({"role": role, "action": action, "resource": resource, "allowed": allowed})
        with _DECISIONS_FILE.open("a") as file:
            file.write(line + "\n")


def _record_change(change: str) -> None:
    with _CHANGES_FILE.open("a") as file:
        file.write(f"{change}\n")


def _may_change(action: str) -> bool:
    """Whether an IAM action may change a resource: every action that is not known to leave resources unchanged."""
    service, _, operation = action.partition(":")
    return not operation.startswith(_READS) and operation not in _TRAFFIC.get(service, "").split()


@replaces(iam_evaluator, "enforce")
def record_calls(
    enforce: Function, access_key: str, action: str, service: str, region: str, *rest: Any, **named: Any
) -> Any:
    """Record the decision on each call of a role, and before it takes effect each call that may change a resource.

    Functions' roles write invoices and may change no resource, so their calls are no changes.
    """
    caller = (iam_evaluator.resolve_caller_identity(access_key) or {}).get("userArn", "")
    if _may_change(action) and _SESSION not in caller:
        _record_change(action)
    denied = enforce(access_key, action, service, region, *rest, **named)
    if not isinstance(denied, iam_evaluator.AuthError):
        resource = rest[0] if rest else named.get("resource_arn", "*")
        record_decision(caller, action, resource, denied is None)
    return denied


@replaces(gateway, "app")
async def lose_regions(serve: Function, scope: dict[str, Any], receive: Function, send: Function) -> None:
    """Respond with 503 to requests for any region or API id in LOST_FILE, which is usually absent."""
    lost = _LOST_FILE.read_text().split() if scope["type"] == "http" and _LOST_FILE.exists() else []
    headers = {name: value.decode("latin-1") for name, value in scope.get("headers", [])}
    # A signature names the region, and so does the target of an API's own name. Only a request has a path.
    places = (headers.get(b"authorization", ""), scope.get("path", ""), headers.get(b"host", "").replace(".", "/"))
    if any(f"/{name}/" in text for name in lost for text in places):
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b"<Error><Code>ServiceUnavailable</Code></Error>"})
        return
    await serve(scope, receive, send)


@replaces(gateway, "app")
async def record_calls_to_engine(serve: Function, scope: dict[str, Any], *channels: Function) -> None:
    """Record calls to the engine's own addresses, some of which make it forget everything and need no permission."""
    if scope["type"] == "http" and scope["path"].startswith("/_ministack/") and scope["method"] != "GET":
        _record_change(scope["path"])
    await serve(scope, *channels)


@replaces(gateway, "app")
async def save_state(serve: Function, scope: dict[str, Any], receive: Function, send: Function) -> None:
    """Write the engine's state to STATE_DIR on request; MiniStack writes it only when it ends."""
    if scope["type"] != "http" or scope["path"] != "/_ministack/save" or scope["method"] != "POST":
        await serve(scope, receive, send)
        return
    persistence.save_all(gateway._build_persistence_save_dict())
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def respond_json(receive: Function, send: Function, respond: Callable[[Any], object]) -> None:
    """Respond to a request of JSON, or without a body, with what a function that may take long returns."""
    body, more = b"", True
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
    response = json.dumps(await asyncio.to_thread(respond, json.loads(body or b"null"))).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": response})
