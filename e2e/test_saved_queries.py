"""The saved log queries of the runbooks are in CloudWatch."""

import pytest

from localstack.targets import Platform

pytestmark = pytest.mark.sidecars


def test_saved_queries_are_in_cloudwatch(platform: Platform) -> None:
    """CloudWatch has the saved log queries that the runbooks use, over the logs of every function."""
    found = platform.aws.logs.describe_query_definitions(queryDefinitionNamePrefix="bbws-order-")["queryDefinitions"]
    assert {query["name"]: query["queryString"] for query in found} == platform.outputs["saved_queries"]
    groups = {f"/aws/lambda/{name}" for name in platform.outputs["function_names"].values()}
    assert all(set(query["logGroupNames"]) == groups for query in found)
