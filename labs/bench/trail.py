"""What a stack's functions ask of AWS, call by call: the embedded engine's CloudTrail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import requests

from labs.bench.workers import workers
from localstack.aws import Aws
from localstack.stack import Stack, StackError

_SECONDS = 10
# What one answer of LookupEvents holds at most; the engine gives no second page.
_MOST = 50


class Event(NamedTuple):
    """A call.

    Args:
        function: AWS name of who called.
        service: such as `dynamodb`.
        action: such as `GetItem`.
        resources: names of what it was about, as far as the engine tells.
        request: its parameters; empty for S3.
    """

    function: str
    service: str
    action: str
    resources: tuple[str, ...]
    request: dict[str, Any]


@dataclass
class Trail:
    """What was recorded; filled when the recording ends."""

    events: list[Event] = field(default_factory=list)


@contextmanager
def recorded(stack: Stack) -> Iterator[Trail]:
    """Record the calls of the functions that run now.

    Raises:
        StackError: one of them made more calls than can be read back.
    """
    client = Aws(stack.endpoint).client("cloudtrail")
    trail = Trail()
    functions = {worker.access_key: worker.function for worker in workers(stack)}
    before = {event["EventId"] for key in functions for event in _of(client, key)}
    _record(stack, True)
    try:
        yield trail
    finally:
        _record(stack, False)
    for key, function in functions.items():
        new = [event for event in _of(client, key) if event["EventId"] not in before]
        if len(new) == _MOST:
            raise StackError(f"{function} made {_MOST} calls or more, and no more can be read back: place fewer orders")
        trail.events += [_event(function, event) for event in new]


def _record(stack: Stack, on: bool) -> None:
    setting = {"cloudtrail._recording_enabled": str(on).lower()}
    requests.post(f"{stack.endpoint}/_ministack/config", json=setting, timeout=_SECONDS).raise_for_status()


def _of(client: Any, access_key: str) -> list[dict[str, Any]]:
    wanted = [{"AttributeKey": "AccessKeyId", "AttributeValue": access_key}]
    found: list[dict[str, Any]] = client.lookup_events(LookupAttributes=wanted, MaxResults=_MOST)["Events"]
    return found


def _event(function: str, event: dict[str, Any]) -> Event:
    request = json.loads(event["CloudTrailEvent"])["requestParameters"]
    names = tuple(resource["ResourceName"] for resource in event["Resources"])
    # The services of the query protocol have their action in the body.
    action = request.get("Action", event["EventName"])
    return Event(function, event["EventSource"].partition(".")[0], action, names, request)
