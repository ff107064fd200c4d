"""The metrics that queues, APIs and log lines give of themselves."""

from __future__ import annotations

import json
import time
from typing import Any

from ministack.core.responses import _request_account_id, _request_region
from ministack.services import apigateway_v1, cloudwatch, lambda_svc, sqs


def measure_queues() -> None:
    """Measure every queue whenever CloudWatch is asked anything; the engine publishes nothing of queues.

    Source: SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS". A message in a DLQ is as old as it was
    when it was sent.
    """
    evict = cloudwatch._evict_old_metrics

    def measure() -> None:
        evict()
        now = time.time()
        for queue in list(sqs._queues.values()):
            sqs._refresh_counts(queue)
            of = {"QueueName": queue["name"]}
            oldest = min((float(message["sent_at"]) for message in queue["messages"]), default=now)
            for metric, attribute in (
                ("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessages"),
                ("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesNotVisible"),
            ):
                cloudwatch.record_metric("AWS/SQS", metric, float(queue["attributes"][attribute]), "Count", of)
            cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", now - oldest, "Seconds", of)

    cloudwatch._evict_old_metrics = measure


def measure_apis() -> None:
    """Count each call of a REST API, its errors and its time, for the API and for its stage.

    Source: API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics".
    """
    execute = apigateway_v1.handle_execute

    async def measured(api_id: str, stage: str, *request: Any) -> Any:
        started = time.time()
        answer = await execute(api_id, stage, *request)
        scope = apigateway_v1.find_api_scope(api_id)
        if scope is None:
            return answer
        tokens = _request_account_id.set(scope[0]), _request_region.set(scope[1])
        try:
            name, status = apigateway_v1._rest_apis[api_id]["name"], answer[0]
            values = {"Count": 1, "4XXError": 400 <= status < 500, "5XXError": status >= 500}
            for of in ({"ApiName": name}, {"ApiName": name, "Stage": stage}):
                for metric, value in values.items():
                    cloudwatch.record_metric("AWS/ApiGateway", metric, value, "Count", of)
                cloudwatch.record_metric(
                    "AWS/ApiGateway", "Latency", (time.time() - started) * 1000, "Milliseconds", of
                )
        finally:
            _request_account_id.reset(tokens[0])
            _request_region.reset(tokens[1])
        return answer

    apigateway_v1.handle_execute = measured


def _publish(line: str) -> None:
    """The metrics of a line, if it holds any."""
    if '"_aws"' not in line:
        return
    try:
        content = json.loads(line)
        for directive in content["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                of = {name: content[name] for name in dimensions}
                for metric in directive["Metrics"]:
                    values = content[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        unit = metric.get("Unit", "None")
                        cloudwatch.record_metric(directive["Namespace"], metric["Name"], value, unit, of)
    except (KeyError, TypeError, ValueError):
        # As in AWS: a line of another form is only a line.
        return


def extract_from_logs() -> None:
    """Publish the metrics in what functions log in the embedded metric format.

    Source: CloudWatch User Guide, "Specification: Embedded metric format".
    """
    emit = lambda_svc._emit_lambda_logs

    def emit_and_extract(function: dict[str, Any], request_id: str, text: str, *arguments: Any, **named: Any) -> None:
        emit(function, request_id, text, *arguments, **named)
        for line in (text or "").splitlines():
            _publish(line)

    lambda_svc._emit_lambda_logs = emit_and_extract
