"""Runs the saved queries of Logs Insights (terraform/modules/monitoring/queries.tf)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tooling.cli import UserError
from tooling.polling import DeadlineError, poll

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetQueryResultsResponseTypeDef

_DEADLINE_SECONDS = 120.0
_POLL_SECONDS = 0.5
_PLACEHOLDER = "/ID/"
# The characters of ids and correlation ids. Only the dot means something in a regular expression.
_TEXT = re.compile(r"[A-Za-z0-9._-]{1,64}")


class QueryError(UserError):
    """A query does not exist, or has no result; the text says why."""


def _saved(logs: CloudWatchLogsClient, prefix: str, name: str) -> tuple[str, list[str]]:
    """Text and log groups of a saved query."""
    found = logs.describe_query_definitions(queryDefinitionNamePrefix=f"{prefix}/")["queryDefinitions"]
    for query in found:
        if query["name"] == f"{prefix}/{name}":
            return query["queryString"], query["logGroupNames"]
    names = ", ".join(sorted(query["name"].partition("/")[2] for query in found))
    raise QueryError(f"there is no saved query {name!r}: choose one of {names}")


def run(
    logs: CloudWatchLogsClient, prefix: str, name: str, text: str, minutes: float, function: str | None = None
) -> list[Mapping[str, str]]:
    """The rows that a saved query finds, such as the query `trace` with the prefix bbws-order-prod.

    `text` is the id that some queries look for; `function` is the AWS name of the only function to search.
    Raises QueryError: there is no such query, its id is missing, or it did not complete.
    """
    query, groups = _saved(logs, prefix, name)
    if _PLACEHOLDER in query:
        if not _TEXT.fullmatch(text):
            raise QueryError(f"query {name} looks for an id: --text is 1 to 64 of A-Z, a-z, 0-9, ., _ and -")
        query = query.replace(_PLACEHOLDER, f"/{text.replace('.', '[.]')}/")
    now = time.time()
    started = logs.start_query(
        logGroupNames=[f"/aws/lambda/{function}"] if function else groups,
        startTime=int(now - minutes * 60),
        endTime=int(now) + 1,
        queryString=query,
    )

    def result() -> GetQueryResultsResponseTypeDef | None:
        found = logs.get_query_results(queryId=started["queryId"])
        return None if found["status"] in ("Scheduled", "Running") else found

    try:
        response = poll(f"query {name}", result, _DEADLINE_SECONDS, _POLL_SECONDS)
    except DeadlineError as error:
        raise QueryError(f"{error}: choose fewer --minutes") from None
    if response["status"] != "Complete":
        raise QueryError(f"query {name} ended as {response['status']}: run it again, with fewer --minutes")
    return [
        {field["field"]: field["value"] for field in row if field["field"] != "@ptr" and field.get("value")}
        for row in response["results"]
    ]
