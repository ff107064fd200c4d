"""CloudWatch Logs: events on disk, saved queries, and the fields of lines that are JSON."""

import heapq
import json
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response, new_uuid
from ministack.services import cloudwatch_logs, lambda_svc

from localstack.ministack_patches.patching import Function, replaces
from localstack.ministack_patches.spilled import SpilledList

_saved = AccountRegionScopedDict()
# Results of queries that can still be looked up by their pointer.
_RESULTS_KEPT = 10_000
# What ends the name of the stream that a function's call is logged to.
_stream: ContextVar[str] = ContextVar("stream", default="")
_STREAM = new_uuid()
_append_lock = cloudwatch_logs._log_events_lock


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


@replaces(lambda_svc, "_emit_lambda_logs")
def log_to_one_stream(emit: Function, *arguments: Any, **named: Any) -> None:
    """Log the calls of a version on one day to one stream; MiniStack makes a stream for each call, and keeps it.

    AWS has one for each execution environment. Source: Lambda Developer Guide, "Working with Lambda function logs".
    """
    token = _stream.set(_STREAM)
    try:
        emit(*arguments, **named)
    finally:
        _stream.reset(token)


@replaces(lambda_svc, "new_uuid")
def name_stream(new: Function) -> str:
    """Give `log_to_one_stream` the name of its stream."""
    return _stream.get() or str(new())


@replaces(cloudwatch_logs, "_append_log_events")
def keep_events_on_disk(_: Function, stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Keep the events of a stream in order of time, all but the newest on disk; MiniStack keeps all in memory."""
    if not events:
        return
    by_time = cloudwatch_logs._event_timestamp
    ordered = sorted(events, key=by_time)
    first, last = ordered[0]["timestamp"], ordered[-1]["timestamp"]
    with _append_lock:
        if not isinstance(stream["events"], SpilledList):
            stream["events"] = SpilledList(stream["events"])
        history = stream["events"]
        newest = history.end
        if not newest or newest[-1]["timestamp"] <= first:
            history.extend(ordered)
        elif newest[0]["timestamp"] <= first:
            history.replace_end(heapq.merge(newest, ordered, key=by_time))
        else:
            stream["events"] = SpilledList(heapq.merge(history, ordered, key=by_time))
        stream["firstEventTimestamp"] = min(first, stream["firstEventTimestamp"] or first)
        stream["lastEventTimestamp"] = max(last, stream["lastEventTimestamp"] or last)
        stream["lastIngestionTime"] = events[-1]["ingestionTime"]


@replaces(cloudwatch_logs, "_collect_query_records")
def bound_results(collect: Function, *query: Any) -> Any:
    """Forget the oldest results of queries, which MiniStack keeps for ever."""
    records = cloudwatch_logs._log_records
    for pointer in list(records)[: max(0, len(records) - _RESULTS_KEPT)]:
        records.pop(pointer, None)
    return collect(*query)
