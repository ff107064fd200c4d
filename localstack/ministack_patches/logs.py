"""CloudWatch Logs Insights: saved queries, and the fields of lines that are JSON."""

import json
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response, new_uuid
from ministack.services import cloudwatch_logs

from localstack.ministack_patches.patching import Function, replaces

_saved = AccountRegionScopedDict()


def _put(data: dict[str, Any]) -> Any:
    identity = data.get("queryDefinitionId") or new_uuid()
    fields = ("name", "queryString", "logGroupNames", "queryLanguage")
    _saved[identity] = {"queryDefinitionId": identity, **{name: data[name] for name in fields if name in data}}
    return json_response({"queryDefinitionId": identity})


def _describe(data: dict[str, Any]) -> Any:
    prefix = data.get("queryDefinitionNamePrefix", "")
    found = [query for query in _saved.values() if query["name"].startswith(prefix)]
    return json_response({"queryDefinitions": sorted(found, key=lambda query: str(query["name"]))})


def _delete(data: dict[str, Any]) -> Any:
    if _saved.pop(data["queryDefinitionId"], None) is None:
        return error_response_json("ResourceNotFoundException", "The specified query definition does not exist.", 400)
    return json_response({"success": True})


_OPERATIONS = {"PutQueryDefinition": _put, "DescribeQueryDefinitions": _describe, "DeleteQueryDefinition": _delete}


@replaces(cloudwatch_logs, "handle_request")
async def save_queries(
    handle: Function, method: str, path: str, headers: dict[str, str], body: bytes, query: Any
) -> Any:
    """Store saved queries, whose operations MiniStack lacks.

    Source: CloudWatch Logs API Reference, PutQueryDefinition.
    """
    operation = _OPERATIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    return operation(json.loads(body)) if operation else await handle(method, path, headers, body, query)


@replaces(cloudwatch_logs, "get_state")
def state_with_queries(get_state: Function) -> dict[str, Any]:
    """Add saved queries to the state that is kept on disk."""
    return {**get_state(), "query_definitions": _saved}


@replaces(cloudwatch_logs, "load_persisted_state")
def load_queries(load: Function, state: dict[str, Any]) -> None:
    """Load saved queries from the state that was kept on disk."""
    load(state)
    _saved.update(state.get("query_definitions", {}))


@replaces(cloudwatch_logs, "_public_log_record")
def discover_fields(public: Function, record: dict[str, Any]) -> dict[str, Any]:
    """Add the fields of a line that is a JSON object to those that every line has; MiniStack has only the latter.

    Source: CloudWatch Logs User Guide, "Supported logs and discovered fields".
    """
    found: dict[str, Any] = public(record)
    try:
        content = json.loads(record["@message"])
    except ValueError:
        return found
    return {**content, **found} if isinstance(content, dict) else found
