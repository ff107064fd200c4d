"""What Lambda itself does with the rights of a function's role: it takes messages and writes logs."""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import iam, lambda_svc

from localstack.ministack_patches import decisions

_CONSUMING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_LOGGING = ("logs:CreateLogStream", "logs:PutLogEvents")


def _may(config: dict[str, Any], actions: tuple[str, ...], resource: str) -> bool:
    """Whether the role of a function may do all of something."""
    account, role = config["Role"].split(":")[4], config["Role"].rsplit("/", 1)[1]
    session = f"arn:aws:sts::{account}:assumed-role/{role}/{config['FunctionName']}"
    policies = iam_evaluator._gather_role_policies(role, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
    for action in actions:
        request = iam_evaluator.EvalContext(
            principal_arn=session,
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=resource,
            region=responses.get_region(),
        )
        allowed = iam_evaluator.evaluate(request, policies, *limits).decision == "Allow"
        decisions.note(session, action, resource, allowed)
        if not allowed:
            return False
    return True


def consume_as_the_role_may() -> None:
    """Take no messages for a function whose role may not receive, delete and look at them.

    Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", execution role permissions.
    """
    concurrency = lambda_svc._sqs_esm_concurrency

    def allowed(mapping: dict[str, Any], function: Any, config: dict[str, Any], *queue: Any) -> int:
        if not _may(config, _CONSUMING, mapping["EventSourceArn"]):
            return 0
        batches: int = concurrency(mapping, function, config, *queue)
        return batches

    lambda_svc._sqs_esm_concurrency = allowed


def log_as_the_role_may() -> None:
    """Keep no logs of a function whose role may not write them.

    Source: AWS Lambda Developer Guide, "Sending Lambda function logs to CloudWatch Logs".
    """
    emit = lambda_svc._emit_lambda_logs

    def emit_if_allowed(function: dict[str, Any], *arguments: Any, **named: Any) -> None:
        config = function.get("config") or function
        region, account = responses.get_region(), responses.get_account_id()
        group = f"arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{config['FunctionName']}"
        if _may(config, _LOGGING, f"{group}:log-stream:"):
            emit(function, *arguments, **named)

    lambda_svc._emit_lambda_logs = emit_if_allowed
