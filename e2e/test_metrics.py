"""The stack publishes each metric that its dashboard shows and its alarms evaluate."""

import json
from typing import Any
from uuid import uuid4

import pytest

from common.mail_problem import MailKind
from e2e import alarms
from e2e.queues import FunctionQueue
from e2e.tenant import DEADLINE_SECONDS, Tenant
from localstack.targets import Platform
from tests.support.ses_reports import report
from tooling.polling import poll

pytestmark = pytest.mark.needs("metrics")

Metric = tuple[str, str, frozenset[tuple[str, str]]]
# The engine does not throttle. Names and dimensions: DynamoDB Developer Guide, "DynamoDB metrics and dimensions".
THROTTLES = {"ReadThrottleEvents", "WriteThrottleEvents"}


def dashboard_metric(row: list[Any]) -> Metric:
    """The metric in a widget's row: namespace, name, pairs of dimensions, and options at the end."""
    namespace, name, *dimensions = [part for part in row if isinstance(part, str)]
    return namespace, name, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))


def cloudwatch_metric(metric: dict[str, Any]) -> Metric:
    """A metric as CloudWatch describes it."""
    pairs = frozenset((one["Name"], one["Value"]) for one in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], pairs


def required_metrics(platform: Platform) -> set[Metric]:
    """Every metric of the dashboard and of the alarms."""
    name = platform.outputs["dashboard_name"]
    body = json.loads(platform.aws.cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    found = {dashboard_metric(row) for one in body["widgets"] for row in one["properties"].get("metrics", [])}
    for alarm in alarms.describe(platform):
        parts = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        found |= {cloudwatch_metric(part) for part in parts or [alarm]}
    return found


def test_dashboard_and_alarm_metrics_are_published(platform: Platform, tenant: Tenant) -> None:
    """The stack publishes each metric that the dashboard shows or an alarm evaluates."""
    order = tenant.invoiced(tenant.place())
    # Placing an order does not call these two functions.
    assert tenant.change(order["id"], {"status": "CANCELLED"}).status_code == 200
    assert tenant.orders().status_code == 200
    bounce = json.dumps(report(tenant.id, order["id"], of=MailKind.INTERNAL))
    FunctionQueue(platform, "customer_order_confirmation").send([bounce])
    assert tenant.ordered(cartId=f"cart-{uuid4().hex}")["status"] == "REJECTED"

    table = ("TableName", platform.outputs["orders_table"])
    indexes = [("GlobalSecondaryIndexName", name) for name in ("OrdersByDateIndex", "OrderByIdIndex")]
    sets = [frozenset({table}), *(frozenset({table, index}) for index in indexes)]
    throttles: set[Metric] = {("AWS/DynamoDB", name, dimensions) for name in THROTTLES for dimensions in sets}
    assert {one for one in required_metrics(platform) if one[0] == "AWS/DynamoDB"} == throttles

    # The engine sends mail to nobody, so its SES has no reputation. Names: SES Developer Guide, "Creating reputation
    # monitoring alarms using CloudWatch".
    reputation: set[Metric] = {("AWS/SES", f"Reputation.{kind}Rate", frozenset()) for kind in ("Bounce", "Complaint")}
    assert {one for one in required_metrics(platform) if one[0] == "AWS/SES"} == reputation

    def published() -> bool | None:
        pages = platform.aws.cloudwatch.get_paginator("list_metrics").paginate()
        found = {cloudwatch_metric(dict(metric)) for page in pages for metric in page["Metrics"]}
        return required_metrics(platform) - throttles - reputation <= found or None

    poll("each metric published", published, DEADLINE_SECONDS)


def test_business_metrics_have_one_dimension(platform: Platform, tenant: Tenant) -> None:
    """Business metrics have the service as their only dimension, so they name no customer."""
    tenant.invoiced(tenant.place())
    pages = platform.aws.cloudwatch.get_paginator("list_metrics").paginate(Namespace="OrderService")
    dimensions = {cloudwatch_metric(dict(metric))[2] for page in pages for metric in page["Metrics"]}
    assert dimensions == {frozenset({("service", "order-lambda")})}
