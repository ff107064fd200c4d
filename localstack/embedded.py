"""Starts MiniStack, and teaches it what AWS does and it does not yet; runs in the engine's virtual environment.

Each lesson makes the engine stricter or closer to AWS, and `tests/integration/test_embedded.py` tries each on it.
"""

from __future__ import annotations

import ast
import base64
import email
import email.utils
import operator
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ministack import app as gateway
from ministack.core import iam_actions, responses
from ministack.services import cloudwatch, cognito, lambda_svc

_Scope = dict[str, Any]
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


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


def _value(metrics: Mapping[str, float], expression: str) -> float:
    """A metric math expression of numbers, ids and + - * /.

    Raises:
        ValueError: it holds anything else.
        ZeroDivisionError: it divides by zero.
    """

    def of(node: ast.expr) -> float:
        match node:
            case ast.BinOp(left, operator_node, right) if type(operator_node) in _OPERATORS:
                return _OPERATORS[type(operator_node)](of(left), of(right))
            case ast.Name(name) if name in metrics:
                return metrics[name]
            case ast.Constant(int() | float() as number):
                return number
        raise ValueError(f"no such metric math: {expression}")

    return of(ast.parse(expression, mode="eval").body)


def _metric(of: Mapping[str, Any], statistic: str, seconds: float) -> float | None:
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(of["Dimensions"]))
    points_of = cloudwatch._metrics.get((of["Namespace"], of["MetricName"], dimensions)) or []
    points = [p for p in points_of if p["Timestamp"] >= time.time() - seconds]
    value: float | None = cloudwatch._calc_stats(points).get(statistic)
    return value


def _alarm_value(alarm: dict[str, Any]) -> float | None:
    if not alarm.get("Metrics"):
        window = alarm["Period"] * alarm["EvaluationPeriods"]
        return _metric(alarm, alarm["Statistic"], window)
    metrics: dict[str, float] = {}
    for query in alarm["Metrics"]:
        if stat := query.get("MetricStat"):
            window = stat["Period"] * alarm["EvaluationPeriods"]
            found = _metric(stat["Metric"], stat["Stat"], window)
            if found is None:
                return None
            metrics[query["Id"]] = found
    (returned,) = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
    try:
        return _value(metrics, returned["Expression"])
    except ZeroDivisionError:
        return None


def evaluate_alarms() -> None:
    """Evaluate an alarm on the metric of its own dimensions, and on metric math, whenever alarms are read.

    An alarm without data stays as it is. Source: CloudWatch User Guide, "Using metric math".
    """
    put, describe = cloudwatch._put_metric_alarm, cloudwatch._describe_alarms

    def put_alarm(parameters: Any, content: Any, *form: bool) -> Any:
        answer = put(parameters, content, *form)
        if content.get("Metrics"):
            alarm = cloudwatch._alarms[content["AlarmName"]]
            alarm["Metrics"] = content["Metrics"]
            for name in ("MetricName", "Namespace", "Statistic", "Period", "Dimensions"):
                del alarm[name]
        return answer

    def describe_alarms(*arguments: Any) -> Any:
        for alarm in cloudwatch._alarms.values():
            evaluate(alarm)
        return describe(*arguments)

    def evaluate(alarm: dict[str, Any]) -> None:
        value = _alarm_value(alarm)
        if value is None:
            return
        state = "ALARM" if _COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"]) else "OK"
        if state != alarm["StateValue"]:
            alarm |= {"StateValue": state, "StateReason": f"{value} against {alarm['Threshold']}"}
            alarm["StateUpdatedTimestamp"] = int(time.time())

    cloudwatch._put_metric_alarm, cloudwatch._describe_alarms = put_alarm, describe_alarms
    cloudwatch._evaluate_alarm = evaluate


def sign_in_to_any_account() -> None:
    """Find the account of a request that is not signed, such as InitiateAuth, by the id of its app client or pool.

    Source: Amazon Cognito API Reference, InitiateAuth: no credentials are needed to call it.
    """
    pin = cognito._pin_unsigned_idp_scope

    def pin_scope(data: dict[str, Any]) -> None:
        for (account, _, pool_id), pool in list(cognito._user_pools._data.items()):
            if data.get("UserPoolId") == pool_id or data.get("ClientId") in pool["_clients"]:
                responses.set_request_account_id(account)
        pin(data)

    cognito._pin_unsigned_idp_scope = pin_scope


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
    evaluate_alarms()
    sign_in_to_any_account()
    lose_what_is_listed(Path(os.environ["LOST_FILE"]))
    gateway.main()


if __name__ == "__main__":
    main()
