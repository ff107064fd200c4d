"""What the dashboard plots and the alarms look at is what the stack publishes (R8)."""

import json
from typing import Any

import pytest

from e2e import alarms
from e2e.tenant import DEADLINE_SECONDS, Tenant
from localstack.targets import Platform
from tooling.polling import poll

pytestmark = pytest.mark.embedded

Metric = tuple[str, str, frozenset[tuple[str, str]]]
# The engine throttles nothing. Names and dimensions: DynamoDB Developer Guide, "DynamoDB metrics and dimensions".
THROTTLES = {"ReadThrottleEvents", "WriteThrottleEvents"}


def plotted(row: list[Any]) -> Metric:
    """A row of a widget: namespace, name, and pairs of dimensions, with options at the end."""
    namespace, name, *dimensions = [part for part in row if isinstance(part, str)]
    return namespace, name, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))


def watched(metric: dict[str, Any]) -> Metric:
    """A metric as CloudWatch describes it."""
    pairs = frozenset((one["Name"], one["Value"]) for one in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], pairs


def wanted(platform: Platform) -> set[Metric]:
    """All that is on the dashboard or in an alarm."""
    name = platform.outputs["dashboard_name"]
    body = json.loads(platform.aws.cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    found = {plotted(row) for one in body["widgets"] for row in one["properties"].get("metrics", [])}
    for alarm in alarms.described(platform):
        parts = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        found |= {watched(part) for part in parts or [alarm]}
    return found


def test_each_metric_of_dashboard_and_alarms_is_published(platform: Platform, tenant: Tenant) -> None:
    order = tenant.invoiced(tenant.place())
    # Functions that no order needs are called, too.
    assert tenant.change(order["id"], {"status": "CANCELLED"}).status_code == 200
    assert tenant.orders().status_code == 200

    table = ("TableName", platform.outputs["orders_table"])
    indexes = [("GlobalSecondaryIndexName", name) for name in ("OrdersByDateIndex", "OrderByIdIndex")]
    sets = [frozenset({table}), *(frozenset({table, index}) for index in indexes)]
    throttles: set[Metric] = {("AWS/DynamoDB", name, dimensions) for name in THROTTLES for dimensions in sets}
    assert {one for one in wanted(platform) if one[0] == "AWS/DynamoDB"} == throttles

    def published() -> bool | None:
        pages = platform.aws.cloudwatch.get_paginator("list_metrics").paginate()
        found = {watched(dict(metric)) for page in pages for metric in page["Metrics"]}
        return wanted(platform) - throttles <= found or None

    poll("each metric published", published, DEADLINE_SECONDS)


def test_business_metrics_have_no_dimension_but_the_service(platform: Platform, tenant: Tenant) -> None:
    tenant.invoiced(tenant.place())
    pages = platform.aws.cloudwatch.get_paginator("list_metrics").paginate(Namespace="OrderService")
    dimensions = {watched(dict(metric))[2] for page in pages for metric in page["Metrics"]}
    assert dimensions == {frozenset({("service", "order-lambda")})}


def test_the_saved_queries_are_those_of_terraform(platform: Platform) -> None:
    found = platform.aws.logs.describe_query_definitions(queryDefinitionNamePrefix="bbws-order-")["queryDefinitions"]
    assert {query["name"]: query["queryString"] for query in found} == platform.outputs["saved_queries"]
    groups = {f"/aws/lambda/{name}" for name in platform.outputs["function_names"].values()}
    assert all(set(query["logGroupNames"]) == groups for query in found)
