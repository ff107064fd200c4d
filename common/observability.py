"""Structured logs and metrics of all functions."""

import json
import logging
import os
import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

# An invocation that counts nothing is normal, and the warning would be a log line that is not JSON.
warnings.filterwarnings("ignore", "No application metrics to publish")

# AWS errors may quote these: SES names the recipient that it rejects.
_PRIVATE = {
    re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{1,62}"): "(mail address)",
    re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"): "(token)",
}


def _without_private(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_private(item) for key, item in value.items()}
    if isinstance(value, str):
        for pattern, name in _PRIVATE.items():
            value = pattern.sub(name, value)
    return value


def _line(log: dict[str, Any]) -> str:
    return json.dumps(_without_private(log), default=str, ensure_ascii=False, separators=(",", ":"))


class _LibraryWarnings(logging.Handler):
    """Logs where a library warned, but not what: WeasyPrint's warnings quote letters of a customer's texts."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a library's warning or error, at its level."""
        log = logger.error if record.levelno >= logging.ERROR else logger.warning
        log("library warning", library=record.name, source=f"{record.module}:{record.lineno}")


# Lambda's runtime writes what libraries log as it is. Replaced before our logger exists, which leaves it out.
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    logging.getLogger().handlers = [_LibraryWarnings(logging.WARNING)]

# The field `exception` contains the stack trace already.
logger = Logger(serialize_stacktrace=False, json_serializer=_line)
metrics = Metrics()
FAILURES_NAMESPACE = "OrderService/Versions"


def correlation_id() -> str:
    """The correlation id of the request or message being handled; empty outside of one."""
    return logger.get_correlation_id() or ""


def attempt[T](correlation_id: str, call: Callable[[], T]) -> T | Exception:
    """The result of a call with the correlation id of a message in the logs, or the error that it raised."""
    logger.set_correlation_id(correlation_id)
    try:
        return call()
    except Exception as error:
        return error


def count(metric: str) -> None:
    """Add one to a count metric."""
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)


def count_failed_call(function: str, version: str) -> None:
    """Add one to the calls in which a version of a function failed and caught the error itself.

    Lambda counts them as successful. A canary adds them to Lambda's errors.
    """
    with single_metric("FailedCalls", MetricUnit.Count, 1, namespace=FAILURES_NAMESPACE) as metric:
        metric.add_dimension("function", function)
        metric.add_dimension("version", version)


def add_value(metric: str, amount: Decimal) -> None:
    """Add an amount in rand to a metric: for plots, not for accounting, since metrics are floats."""
    metrics.add_metric(name=metric, unit=MetricUnit.NoUnit, value=float(amount))
