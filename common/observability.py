"""Structured logs, metrics and traces, shared by all functions (R8)."""

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

# The trace is in the field exception already.
logger = Logger(serialize_stacktrace=False)
metrics = Metrics()
tracer = Tracer()


def correlation_id() -> str:
    """The correlation id of the request or message being handled; empty outside of one."""
    return logger.get_correlation_id() or ""


def count(metric: str) -> None:
    """Add one to a count metric."""
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
