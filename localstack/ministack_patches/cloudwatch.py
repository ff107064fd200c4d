"""CloudWatch: alarms on the metric of one resource and on metric math, and metrics in log lines."""

import ast
import html
import itertools
import json
import operator
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudwatch, lambda_svc

from localstack.ministack_patches.patching import Function, changes, replaces

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


_MINUTE = 60
_points_lock = threading.Lock()
_CONDITIONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


def _value(metrics: Mapping[str, float], expression: str) -> float:
    """Value of a metric math expression; KeyError without data.

    It may have numbers, ids, + - * /, one comparison, FILL(id, number) and IF(condition, value, value).
    """

    def of(node: ast.expr) -> float:
        match node:
            case ast.Call(ast.Name("FILL"), [ast.Name(name), ast.Constant(int() | float() as number)]):
                return metrics.get(name, number)
            case ast.Call(ast.Name("IF"), [condition, value, otherwise]):
                return of(value) if of(condition) else of(otherwise)
            case ast.Compare(left, [comparison], [right]) if type(comparison) in _CONDITIONS:
                return _CONDITIONS[type(comparison)](of(left), of(right))
            case ast.BinOp(left, operator_node, right) if type(operator_node) in _OPERATORS:
                return _OPERATORS[type(operator_node)](of(left), of(right))
            case ast.Name(name):
                return metrics[name]
            case ast.Constant(int() | float() as number):
                return number
        raise ValueError(f"unsupported metric math: {expression}")

    return of(ast.parse(expression, mode="eval").body)


def _metric(of: Mapping[str, Any], statistic: str, seconds: float) -> float | None:
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(of["Dimensions"]))
    points_of = cloudwatch._metrics.get((of["Namespace"], of["MetricName"], dimensions)) or []
    points = [p for p in points_of if p["Timestamp"] >= time.time() - seconds]
    value: float | None = cloudwatch._calc_stats(points).get(statistic)
    return value


def _alarm_value(alarm: dict[str, Any]) -> float | None:
    if not alarm.get("Metrics"):
        return _metric(alarm, alarm["Statistic"], alarm["Period"] * alarm["EvaluationPeriods"])
    stats = {query["Id"]: query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query}
    values = {
        name: _metric(stat["Metric"], stat["Stat"], stat["Period"] * alarm["EvaluationPeriods"])
        for name, stat in stats.items()
    }
    metrics = {name: value for name, value in values.items() if value is not None}
    (returned,) = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
    try:
        return _value(metrics, returned["Expression"])
    except (KeyError, ZeroDivisionError):
        return None


def _evaluate(alarm: dict[str, Any]) -> None:
    value = _alarm_value(alarm)
    if value is None and alarm["TreatMissingData"] != "notBreaching":
        return
    breaching = value is not None and _COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"])
    state = "ALARM" if breaching else "OK"
    if state != alarm["StateValue"]:
        reason = "no data" if value is None else f"{value:g} against {alarm['Threshold']:g}"
        alarm |= {"StateValue": state, "StateReason": reason}
        alarm["StateUpdatedTimestamp"] = int(time.time())


@changes
def evaluate_alarms() -> None:
    """Evaluate alarms on the metric with exactly their dimensions, and on metric math, whenever alarms are read.

    MiniStack ignores dimensions and metric math, and loses most of an alarm in the Query protocol, which Terraform
    speaks. Without data an alarm is OK if it says notBreaching, and keeps its state otherwise. Source: CloudWatch User
    Guide, "Using metric math" and "Configuring how CloudWatch alarms treat missing data".
    """
    put, describe = cloudwatch._put_metric_alarm, cloudwatch._describe_alarms

    def put_alarm(parameters: Any, content: Any, *form: bool) -> Any:
        response = put(parameters, content, *form)
        if content.get("Metrics"):
            alarm = cloudwatch._alarms[content["AlarmName"]]
            alarm["Metrics"] = content["Metrics"]
            for name in ("MetricName", "Namespace", "Statistic", "Period", "Dimensions"):
                del alarm[name]
        return response

    def describe_alarms(*arguments: Any) -> Any:
        for alarm in cloudwatch._alarms.values():
            _evaluate(alarm)
        return describe(*arguments)

    cloudwatch._put_metric_alarm = _in_every_protocol("PutMetricAlarm", put_alarm)
    cloudwatch._describe_alarms = _in_every_protocol("DescribeAlarms", describe_alarms)
    cloudwatch._evaluate_alarm = _evaluate


@replaces(lambda_svc, "_emit_lambda_logs")
def publish_embedded_metrics(
    emit: Function, function: dict[str, Any], request_id: str, text: str, *arguments: Any, **named: Any
) -> None:
    """Publish the metrics that functions log in the embedded metric format; MiniStack publishes none.

    Source: CloudWatch User Guide, "Specification: Embedded metric format".
    """
    emit(function, request_id, text, *arguments, **named)
    for line in (text or "").splitlines():
        if '"_aws"' in line:
            _publish(line)


def _publish(line: str) -> None:
    try:
        content = json.loads(line)
        for directive in content["_aws"]["CloudWatchMetrics"]:
            for names, metric in itertools.product(directive["Dimensions"], directive["Metrics"]):
                dimensions = {name: content[name] for name in names}
                values, unit = content[metric["Name"]], metric.get("Unit", "None")
                for value in values if isinstance(values, list) else [values]:
                    cloudwatch.record_metric(directive["Namespace"], metric["Name"], value, unit, dimensions)
    except (KeyError, TypeError, ValueError):
        # As in AWS, a line in any other format is an ordinary line.
        return


def _in_every_protocol(operation: str, handle: Function) -> Function:
    """Make a handler for JSON serve the Query protocol too."""

    def handler(parameters: Any, content: Any, is_cbor: bool, is_json: bool = False) -> Any:
        if is_cbor or is_json:
            return handle(parameters, content, is_cbor, is_json)
        status, headers, body = handle(parameters, _content(parameters), False, True)
        if status != 200:
            return status, headers, body
        result = f"<{operation}Result>{_xml(json.loads(body or '{}'))}</{operation}Result>"
        return cloudwatch._xml(200, f"{operation}Response", result)

    return handler


def _content(parameters: Mapping[str, list[str]]) -> dict[str, Any]:
    """Convert a Query request to JSON: `Metrics.member.1.Id=x` to {"Metrics": [{"Id": "x"}]}."""
    content: dict[str, Any] = {}
    for name, values in parameters.items():
        *path, last = name.split(".")
        node = content
        for part in path:
            node = node.setdefault(part, {})
        node[last] = values[0] if isinstance(values, list) else values
    found: dict[str, Any] = _typed(content)
    return found


def _typed(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        if "member" in value:
            return [_typed(value["member"][number]) for number in sorted(value["member"], key=int)]
        return {key: _typed(item, key) for key, item in value.items()}
    if name in ("ActionsEnabled", "ReturnData"):
        return value == "true"
    return int(value) if name in ("Period", "MaxRecords") else value


def _xml(value: Any, name: str = "") -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(item, key)}</{key}>" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return html.escape(cloudwatch._ts_iso(value) if name.endswith("Timestamp") else str(value))


@replaces(cloudwatch, "record_metric")
def merge_points(
    _: Function,
    namespace: str,
    metric: str,
    value: float,
    unit: str = "None",
    dimensions: dict[str, str] | None = None,
) -> None:
    """Count equal values of a minute as one point; MiniStack keeps a point for each.

    Its time is that of the last value. Source: CloudWatch User Guide, "Resolution": standard metrics have one minute.
    """
    key, now = (namespace, metric, cloudwatch._dims_key(dimensions or {})), time.time()
    # AWS reports durations in milliseconds with two decimals; whole ones are as equal as a busy machine's can be.
    value = float(round(value)) if unit == "Milliseconds" else float(value)
    with _points_lock:
        points = cloudwatch._metric_bucket(key)
        for point in reversed(points):
            if point["Timestamp"] // _MINUTE != now // _MINUTE:
                break
            if point.get("Value") == value and point["Unit"] == unit and "_stat" not in point:
                point |= {"Timestamp": now, "Count": point.get("Count", 1.0) + 1.0}
                return
        shared = points[-1]["Dimensions"] if points else dict(dimensions or {})
        points.append({"Timestamp": now, "Value": value, "Unit": unit, "Dimensions": shared})
