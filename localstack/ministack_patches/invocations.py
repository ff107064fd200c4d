"""The metrics of functions, whoever calls them."""

from __future__ import annotations

import time
from typing import Any

from ministack.services import lambda_svc


def count_every_call() -> None:
    """Count calls by API Gateway and by event source mappings too; the engine counts those of Invoke alone.

    Source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions".
    """
    emit, dispatch = lambda_svc._emit_lambda_metrics, lambda_svc._execute_function_dispatch

    def counted(func: Any, config: dict[str, Any], event: Any, request_id: str, started: float) -> Any:
        result = dispatch(func, config, event, request_id, started)
        failed = isinstance(result, dict) and bool(result.get("error"))
        emit(config["FunctionName"], duration_ms=(time.time() - started) * 1000, error=failed, throttle=False)
        return result

    def throttled_alone(function: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            emit(function, duration_ms, error, throttle)

    lambda_svc._execute_function_dispatch = counted
    lambda_svc._emit_lambda_metrics = throttled_alone
