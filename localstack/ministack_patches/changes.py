"""Calls that may have changed what Terraform made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ministack import app as gateway
from ministack.core import iam_evaluator

_Scope = dict[str, Any]
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]

# By the begin of an action's name; API Gateway's are named by the method.
_READS = ("Get", "GET", "List", "Describe", "Head", "BatchGet", "Query", "Scan", "Filter", "Receive", "StartQuery")
# What passes through the resources, and the users of the pool: none of it is Terraform's.
_TRAFFIC = frozenset(
    {
        "cloudwatch:PutMetricData",
        "cloudwatch:SetAlarmState",
        "cognito-idp:AdminAddUserToGroup",
        "cognito-idp:AdminCreateUser",
        "cognito-idp:AdminDeleteUser",
        "cognito-idp:AdminSetUserPassword",
        "cognito-idp:AdminUserGlobalSignOut",
        "cognito-idp:InitiateAuth",
        "cognito-idp:RespondToAuthChallenge",
        "cognito-idp:RevokeToken",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:TransactWriteItems",
        "dynamodb:UpdateItem",
        "execute-api:Invoke",
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "ses:SendRawEmail",
        "sns:Publish",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:PurgeQueue",
        "sqs:SendMessage",
    }
)


def may_change(action: str) -> bool:
    """Whether an action of IAM may change a resource: so does each that is not known to leave them as they are."""
    return not action.partition(":")[2].startswith(_READS) and action not in _TRAFFIC


def note_changes(file: Path) -> None:
    """Note each call that may change a resource in a file, a line each, before it takes effect.

    A function's role writes invoices and may change no resource, so what it does is not noted.

    Args:
        file: of the notes.
    """
    enforce, serve = iam_evaluator.enforce, gateway.app

    def note(what: str) -> None:
        with file.open("a") as notes:
            notes.write(f"{what}\n")

    def enforce_and_note(access_key: str, action: str, *rest: Any, **named: Any) -> Any:
        if may_change(action):
            caller = iam_evaluator.resolve_caller_identity(access_key) or {}
            if ":assumed-role/" not in caller.get("userArn", ""):
                note(action)
        return enforce(access_key, action, *rest, **named)

    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        # Of the engine's own addresses some make it forget, and no policy is asked.
        if scope["type"] == "http" and scope["path"].startswith("/_ministack/") and scope["method"] != "GET":
            note(scope["path"])
        await serve(scope, receive, send)

    iam_evaluator.enforce, gateway.app = enforce_and_note, app
