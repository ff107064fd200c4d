"""The commands of an incident (docs/runbooks/), one function each: the same for the local stack and for an account.

Each function returns the lines to print. `bin/ops` parses its options and calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ops import alarms, log_queries, queues, restores
from ops.log_queries import QueryError
from tooling.paths import ROOT

DROPPED = ROOT / "build" / "dropped"


class Account(NamedTuple):
    """The account that commands act on.

    Args:
        client: Makes the client of a service, by the service's name.
        outputs: Terraform's outputs of the environment.
    """

    client: Callable[[Any], Any]
    outputs: Mapping[str, Any]


def show_alarms(account: Account, name: str | None = None, wait_seconds: float | None = None) -> list[str]:
    """Show the alarms that are in ALARM, or one alarm whatever its state; optionally wait until none is in ALARM.

    Raises:
        AlarmError: there is no such alarm, or one is still in ALARM at the end of the wait.
    """
    cloudwatch = account.client("cloudwatch")
    names = [name] if name else [*account.outputs["alarm_names"], *account.outputs.get("mail_alarm_names", [])]
    found = alarms.wait_until_ok(cloudwatch, names, wait_seconds) if wait_seconds else alarms.alarms(cloudwatch, names)
    lines = []
    for alarm in found:
        if alarm.in_alarm or name:
            lines += [f"{alarm.state} {alarm.name} ({alarm.reason})", f"  {alarm.description}"]
    return [*lines, f"{len(found)} alarms, {sum(alarm.in_alarm for alarm in found)} in ALARM"]


def show_queues(account: Account) -> list[str]:
    """Show how many messages queues and DLQs hold, and whether each queue's consumer is enabled."""
    names = [*account.outputs["queue_names"].values(), *account.outputs["dlq_names"].values()]
    width = max(map(len, names))
    return [
        f"{queue.name:<{width}} {queue.waiting:>6} waiting, {queue.hidden} in flight or backing off"
        + (f", consumer {queue.consumer}" if queue.consumer else "")
        for queue in queues.states(account.client("sqs"), account.client("lambda"), names)
    ]


def show_dlq(account: Account, queue: str) -> list[str]:
    """Show the messages in the DLQ of a queue, and leave them there.

    Raises:
        QueueError: there is no such queue, or it has no DLQ.
    """
    found = queues.dlq_messages(account.client("sqs"), queue)
    lines = [
        f"{message.id} {message.sent:%Y-%m-%dT%H:%M:%SZ} "
        + (
            f"{message.event_type} order {message.order_id} correlation {message.correlation_id}"
            if message.event_type
            else "not an event of this service"
        )
        for message in found
    ]
    return [*lines, f"{len(found)} messages in the DLQ of {queue}"]


def drop(account: Account, queue: str, message: str) -> list[str]:
    """Delete a message that can never succeed from the DLQ of a queue, and keep it in a file in build/dropped.

    Raises:
        QueueError: there is no such queue, or no such message in its DLQ.
    """
    file = queues.drop(account.client("sqs"), queue, message, DROPPED)
    return [f"deleted from the DLQ of {queue}; kept in {file.relative_to(ROOT)}, which may hold personal data"]


def pause(account: Account, queue: str) -> list[str]:
    """Disable the consumer of a queue: its messages stay in the queue.

    Raises:
        QueueError: there is no such queue, or it has no consumer.
    """
    queues.enable_consumer(account.client("sqs"), account.client("lambda"), queue, False)
    return [f"{queue} is paused: its messages wait"]


def resume(account: Account, queue: str) -> list[str]:
    """Enable the consumer of a queue.

    Raises:
        QueueError: there is no such queue, or it has no consumer.
    """
    queues.enable_consumer(account.client("sqs"), account.client("lambda"), queue, True)
    return [f"{queue} is resumed: its messages are consumed"]


def redrive(account: Account, queue: str) -> list[str]:
    """Move the messages of a queue's DLQ back to the queue.

    Raises:
        QueueError: there is no such queue, or it has no DLQ.
    """
    done = queues.redrive(account.client("sqs"), queue)
    return [f"{done.moved} messages moved back to {queue}, {done.left} left in its DLQ"]


def query(account: Account, name: str, text: str, function: str | None, minutes: float) -> list[str]:
    """Run a saved query of Logs Insights.

    Args:
        account: The account.
        name: Name of the query.
        text: Id to look for, where the query needs one.
        function: Folder of the only function to search; None for all.
        minutes: How far back to search.

    Raises:
        QueryError: there is no such query or function, an id is missing, or the query failed.
    """
    functions = account.outputs["function_names"]
    if function and function not in functions:
        raise QueryError(f"there is no function {function!r}: --function is one of {', '.join(functions)}")
    prefix = next(iter(account.outputs["saved_queries"])).partition("/")[0]
    rows = log_queries.run(
        account.client("logs"), prefix, name, text, minutes, functions[function] if function else None
    )
    return [*("  ".join(row.values()).rstrip() for row in rows), f"{len(rows)} lines"]


def restore(account: Account, at: datetime) -> list[str]:
    """Restore the orders table, as it was at a point in time, to a new table.

    Raises:
        RestoreError: the table cannot be restored to this point.
    """
    return [f"restored {restores.restore(account.client('dynamodb'), account.outputs['orders_table'], at)}"]


def recover(account: Account, restored: str, order_id: str | None = None) -> list[str]:
    """Copy items from a restored table to the live one: those that are missing, or one order whatever is there now.

    Raises:
        RestoreError: this is not a restored table, or it has no such order.
    """
    done = restores.recover(account.client("dynamodb"), restored, order_id)
    left = [f"not overwritten, the live item differs: {key}" for key in done.left]
    return [*left, f"{len(done.put)} items copied back, {len(done.left)} left"]


def discard(account: Account, restored: str) -> list[str]:
    """Delete a restored table.

    Raises:
        RestoreError: this is not a restored table.
    """
    restores.discard(account.client("dynamodb"), restored)
    return [f"deleted {restored}"]
