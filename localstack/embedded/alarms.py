"""Alarms on one resource's metric, and on metric math."""

from __future__ import annotations

import ast
import operator
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudwatch

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
