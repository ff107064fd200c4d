"""The commands of an incident (docs/runbooks/), the same for the local stack and for an account."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ops import alarms, log_queries, queues, redrive, restore
from tooling.paths import ROOT

COMMANDS = frozenset(
    {"alarms", "queues", "dlq", "drop", "pause", "resume", "redrive", "query", "restore", "recover", "discard"}
)
DROPPED = ROOT / "build" / "dropped"


class Account(NamedTuple):
    """Where commands are run.

    Args:
        client: makes the client of a service, by its name.
        outputs: of Terraform.
    """

    client: Callable[[Any], Any]
    outputs: Mapping[str, Any]


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("is a moment with its zone, such as 2026-11-24T10:00:00Z")
    return at.astimezone(UTC)


def add_commands(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the commands to a parser.

    Args:
        command: adds one by its name and what it does.
    """

    def on_queue(name: str, text: str) -> argparse.ArgumentParser:
        added = command(name, text)
        added.add_argument("--queue", required=True, help="name of the queue, not of its DLQ")
        return added

    ringing = command("alarms", "show the alarms, or wait until they are quiet")
    ringing.add_argument("--alarm", default="", help="name of one; all if empty")
    ringing.add_argument("--wait", type=float, help="seconds to wait until none rings")
    command("queues", "show what waits in queues and DLQs, and whether it is taken out")
    on_queue("dlq", "show the messages in a queue's DLQ, and leave them there")
    dropped = on_queue("drop", "take a message that can never succeed out of a queue's DLQ, into a file")
    dropped.add_argument("--message", required=True, help="id of SQS, as `dlq` shows it")
    on_queue("pause", "leave messages in a queue")
    on_queue("resume", "take messages out of a queue again")
    on_queue("redrive", "put the messages of a queue's DLQ back on the queue")
    asked = command("query", "run a saved query of Logs Insights")
    asked.add_argument("--name", required=True, help="of the query")
    asked.add_argument("--text", default="", help="an id to look for, where the query asks for one")
    asked.add_argument("--function", default="", help="folder of the one function to look at; all if empty")
    asked.add_argument("--minutes", type=float, default=60, help="how far back")
    command("restore", "restore the orders table to a moment, beside the live one").add_argument(
        "--at", type=_moment, required=True, help="the moment"
    )
    back = command("recover", "put what is missing back from a restored table")
    back.add_argument("--from", dest="restored", required=True, help="name of the restored table")
    back.add_argument("--order", help="id of one order, which is put back as it was")
    command("discard", "delete a restored table").add_argument("--from", dest="restored", required=True)


def run(arguments: argparse.Namespace, account: Account) -> list[str]:
    """Run a command, and return the lines to print.

    Raises:
        UserError: nothing was done, or it can be repeated.
    """
    client, outputs = account
    match arguments.command:
        case "alarms":
            return _alarms(client("cloudwatch"), outputs["alarm_names"], arguments.alarm, arguments.wait)
        case "queues":
            return _queues(client("sqs"), client("lambda"), outputs)
        case "dlq":
            return _dlq(client("sqs"), arguments.queue)
        case "drop":
            file = queues.drop(client("sqs"), arguments.queue, arguments.message, DROPPED)
            return [
                f"taken out of the DLQ of {arguments.queue}; kept in {file.relative_to(ROOT)}, which may be private"
            ]
        case "pause" | "resume" as command:
            queues.consume(client("sqs"), client("lambda"), arguments.queue, command == "resume")
            return [f"{arguments.queue} is {'taken from again' if command == 'resume' else 'left to fill'}"]
        case "redrive":
            done = redrive.redrive(client("sqs"), arguments.queue)
            return [f"{done.moved} messages put back on {arguments.queue}, {done.left} in its DLQ"]
        case "query":
            return _query(client("logs"), outputs, arguments)
        case "restore":
            return [f"restored {restore.restore(client('dynamodb'), outputs['orders_table'], arguments.at)}"]
        case "recover":
            found = restore.recover(client("dynamodb"), arguments.restored, arguments.order)
            left = [f"left as it is, since the live one is another: {key}" for key in found.left]
            return [*left, f"{len(found.put)} items put back, {len(found.left)} left"]
        case "discard":
            restore.discard(client("dynamodb"), arguments.restored)
            return [f"deleted {arguments.restored}"]
    raise ValueError(arguments.command)


def _alarms(cloudwatch: Any, all_names: list[str], only: str, wait: float | None) -> list[str]:
    names = [only] if only else all_names
    found = alarms.wait_until_quiet(cloudwatch, names, wait) if wait else alarms.alarms(cloudwatch, names)
    lines = []
    for alarm in found:
        if alarm.rings or only:
            lines += [f"{alarm.state} {alarm.name} ({alarm.reason})", f"  {alarm.description}"]
    return [*lines, f"{len(found)} alarms, {sum(alarm.rings for alarm in found)} ring"]


def _queues(sqs: Any, functions: Any, outputs: Mapping[str, Any]) -> list[str]:
    names = [*outputs["queue_names"].values(), *outputs["dlq_names"].values()]
    width = max(map(len, names))
    return [
        f"{state.name:<{width}} {state.waiting:>6} waiting, {state.hidden} in work or resting"
        + (f", consumer {state.consumer}" if state.consumer else "")
        for state in queues.states(sqs, functions, names)
    ]


def _dlq(sqs: Any, queue: str) -> list[str]:
    found = queues.dlq_messages(sqs, queue)
    lines = [
        f"{message.id} {message.sent:%Y-%m-%dT%H:%M:%SZ} "
        + (
            f"{message.event_type} order {message.order_id} correlation {message.correlation_id}"
            if message.event_type
            else "is no message of ours"
        )
        for message in found
    ]
    return [*lines, f"{len(found)} messages in the DLQ of {queue}"]


def _query(logs: Any, outputs: Mapping[str, Any], arguments: argparse.Namespace) -> list[str]:
    functions = outputs["function_names"]
    if arguments.function and arguments.function not in functions:
        raise log_queries.QueryError(
            f"there is no function {arguments.function!r}: FUNCTION is one of {', '.join(functions)}"
        )
    prefix = next(iter(outputs["saved_queries"])).partition("/")[0]
    function = functions.get(arguments.function)
    rows = log_queries.run(logs, prefix, arguments.name, arguments.text, arguments.minutes, function)
    return [*("  ".join(row.values()).rstrip() for row in rows), f"{len(rows)} lines"]
