"""Running the saved queries of Logs Insights (terraform/modules/monitoring/queries.tf)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tenacity import RetryError as _GaveUpError
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tooling.cli import UserError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetQueryResultsResponseTypeDef

_DEADLINE_SECONDS = 120.0
_POLL_SECONDS = 0.5
_BLANK = "ID"
# What ids and correlation ids are made of, so that nothing of it means anything in a regular expression but the dot.
_TEXT = re.compile(r"[A-Za-z0-9._-]{1,64}")


class QueryError(UserError):
    """There is no such query, or it has no answer; the text says why."""


def _saved(logs: CloudWatchLogsClient, prefix: str, name: str) -> tuple[str, list[str]]:
    found = logs.describe_query_definitions(queryDefinitionNamePrefix=f"{prefix}/")["queryDefinitions"]
    for query in found:
        if query["name"] == f"{prefix}/{name}":
            return query["queryString"], query["logGroupNames"]
    names = ", ".join(sorted(query["name"].partition("/")[2] for query in found))
    raise QueryError(f"there is no saved query {name!r}: NAME is one of {names}")


def run(
    logs: CloudWatchLogsClient, prefix: str, name: str, text: str, minutes: float, function: str | None = None
) -> list[Mapping[str, str]]:
    """The lines that a saved query finds.

    Args:
        logs: of the environment's account and region.
        prefix: of the environment's queries, such as bbws-order-prod.
        name: of the query.
        text: what to look for, where the query asks for it: an order's id, a correlation id, a message's id.
        minutes: how far back.
        function: name in AWS of the one to look at; None for all.

    Raises:
        QueryError: there is no such query, it asks for a text that was not given, or it did not end well.
    """
    query, groups = _saved(logs, prefix, name)
    if f"/{_BLANK}/" in query:
        if not _TEXT.fullmatch(text):
            raise QueryError(f"query {name} looks for an id: TEXT is 1 to 64 of A-Z, a-z, 0-9, ., _ and -")
        query = query.replace(f"/{_BLANK}/", f"/{text.replace('.', '[.]')}/")
    now = time.time()
    started = logs.start_query(
        logGroupNames=[f"/aws/lambda/{function}"] if function else groups,
        startTime=int(now - minutes * 60),
        endTime=int(now) + 1,
        queryString=query,
    )
    polling = Retrying(
        stop=stop_after_delay(_DEADLINE_SECONDS),
        wait=wait_fixed(_POLL_SECONDS),
        retry=retry_if_result(lambda answer: answer["status"] in ("Scheduled", "Running")),
    )
    try:
        answer: GetQueryResultsResponseTypeDef = polling(logs.get_query_results, queryId=started["queryId"])
    except _GaveUpError:
        raise QueryError(f"query {name} has no answer after {_DEADLINE_SECONDS:g} s: look back fewer MINUTES") from None
    if answer["status"] != "Complete":
        raise QueryError(f"query {name} ended as {answer['status']}")
    return [
        {field["field"]: field["value"] for field in row if field["field"] != "@ptr" and field.get("value")}
        for row in answer["results"]
    ]
