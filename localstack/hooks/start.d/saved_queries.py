"""Keeps saved queries of CloudWatch Logs, which LocalStack lacks.

Source: CloudWatch Logs API Reference, PutQueryDefinition, DescribeQueryDefinitions, DeleteQueryDefinition. LocalStack
runs this script when it starts.
"""

import time
from collections import defaultdict
from typing import Any
from uuid import uuid4

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.logs import ResourceNotFoundException
from localstack.services.logs.provider import LogsProvider

_NAMES = ("name", "queryString", "logGroupNames")
# By account and region, then by id.
_queries: dict[tuple[str, str], dict[str, dict[str, Any]]] = defaultdict(dict)


def _of(context: RequestContext) -> dict[str, dict[str, Any]]:
    return _queries[context.account_id, context.region]


@handler("PutQueryDefinition", expand=False)
def put_query_definition(_: LogsProvider, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Create a query, or replace the one with the id."""
    query_id = request.get("queryDefinitionId") or str(uuid4())
    if request.get("queryDefinitionId") and query_id not in _of(context):
        raise ResourceNotFoundException("The specified query definition does not exist.")
    kept = {name: request[name] for name in _NAMES if request.get(name) is not None}
    _of(context)[query_id] = {"queryDefinitionId": query_id, "lastModified": int(time.time() * 1000), **kept}
    return {"queryDefinitionId": query_id}


@handler("DescribeQueryDefinitions", expand=False)
def describe_query_definitions(_: LogsProvider, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """List the queries whose name begins with a prefix, on one page."""
    prefix = request.get("queryDefinitionNamePrefix") or ""
    return {"queryDefinitions": [query for query in _of(context).values() if query["name"].startswith(prefix)]}


@handler("DeleteQueryDefinition", expand=False)
def delete_query_definition(_: LogsProvider, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a query."""
    if _of(context).pop(request["queryDefinitionId"], None) is None:
        raise ResourceNotFoundException("The specified query definition does not exist.")
    return {"success": True}


LogsProvider.put_query_definition = put_query_definition
LogsProvider.describe_query_definitions = describe_query_definitions
LogsProvider.delete_query_definition = delete_query_definition
