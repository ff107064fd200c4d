"""`bin/ops`: the commands of an incident (docs/runbooks/), the local platform (`stack`), and the labs (`lab`)."""

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from cli import lab, stack
from localstack import engines, targets
from localstack.stack import ADVICE as STACK_ADVICE
from ops import alarms as alarm_states
from ops import log_queries, names, restores
from ops import queues as queue_states
from tooling.cli import ADVICE, run_cli
from tooling.paths import ROOT
from tooling.program import new_program

app = new_program(
    "On-call and the local platform. Commands of an incident need --target; docs/runbooks says when to run which."
)
app.add_typer(stack.app, name="stack")
app.add_typer(lab.app, name="lab")

DROPPED = ROOT / "build" / "dropped"
Target = Literal["local", "dev", "sit", "prod", "failover"]
TargetOption = Annotated[Target, typer.Option(help="Environment to act on; local is the stack of `bin/ops stack up`.")]
Queue = Annotated[str, typer.Argument(help="Name of the queue, not of its DLQ.")]
Restored = Annotated[str, typer.Option("--from", help="Name of the restored table, as `restore` printed it.")]


def _account(target: Target) -> tuple[Callable[[Any], Any], dict[str, Any]]:
    """What makes the client of a service by its name in an environment, and Terraform's outputs."""
    if target == "local":
        engines.require()
    platform = targets.chosen(target)
    return platform.aws.client, platform.outputs


def _command(lines: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Make a function a command that prints the lines it returns; it reports errors by the advice of its target."""

    @app.command()
    @functools.wraps(lines)
    def command(target: Target, **options: Any) -> None:
        def run() -> None:
            print(*lines(target=target, **options), sep="\n")

        raise typer.Exit(run_cli(run, STACK_ADVICE if target == "local" else ADVICE))

    return lines


def _timestamp(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise typer.BadParameter("a time with its UTC offset is needed, such as 2026-11-24T10:00:00Z")
    return at.astimezone(UTC)


@_command
def alarms(
    target: TargetOption,
    alarm: Annotated[str | None, typer.Option(help="Show only this alarm, whatever its state.")] = None,
    wait: Annotated[float | None, typer.Option(help="Seconds to wait until none is in ALARM.")] = None,
) -> list[str]:
    """Show the alarms that are in ALARM, with the section of the runbook for each."""
    client, outputs = _account(target)
    names = [alarm] if alarm else [*outputs["alarm_names"], *outputs.get("mail_alarm_names", [])]
    cloudwatch = client("cloudwatch")
    found = alarm_states.wait_until_ok(cloudwatch, names, wait) if wait else alarm_states.alarms(cloudwatch, names)
    shown = [one for one in found if one.in_alarm or alarm]
    lines = [line for one in shown for line in (f"{one.state} {one.name} ({one.reason})", f"  {one.description}")]
    return [*lines, f"{len(found)} alarms, {sum(one.in_alarm for one in found)} in ALARM"]


@_command
def name(
    target: TargetOption,
    hold: Annotated[bool, typer.Option("--hold", help="Keep it in the other region until home is deployed.")] = False,
) -> list[str]:
    """Show which regions the API's own name leads to."""
    client, outputs = _account(target)
    route53, zone, domain = client("route53"), outputs.get("hosted_zone_id", ""), outputs.get("domain_name", "")
    if hold:
        names.hold(route53, zone, domain)
    return [domain, *names.records(route53, zone, domain)]


@_command
def queues(target: TargetOption) -> list[str]:
    """Show what queues and DLQs hold, and whether each queue is consumed."""
    client, outputs = _account(target)
    names = [*outputs["queue_names"].values(), *outputs["dlq_names"].values()]
    width = max(map(len, names))
    return [
        f"{queue.name:<{width}} {queue.waiting:>6} waiting, {queue.hidden} in flight or backing off"
        + (f", consumer {queue.consumer}" if queue.consumer else "")
        for queue in queue_states.states(client("sqs"), client("lambda"), names)
    ]


@_command
def dlq(queue: Queue, target: TargetOption) -> list[str]:
    """Show the messages in the DLQ of a queue, and leave them there."""
    client, _ = _account(target)
    found = queue_states.dlq_messages(client("sqs"), queue)
    lines = [f"{message.id} {message.sent:%Y-%m-%dT%H:%M:%SZ} {message.event}" for message in found]
    return [*lines, f"{len(found)} messages in the DLQ of {queue}"]


@_command
def drop(
    queue: Queue, message: Annotated[str, typer.Argument(help="Message id, as `dlq` shows it.")], target: TargetOption
) -> list[str]:
    """Move a message that can never succeed out of the DLQ of a queue, into build/dropped."""
    client, _ = _account(target)
    file = queue_states.drop(client("sqs"), queue, message, DROPPED).relative_to(ROOT)
    return [f"deleted from the DLQ of {queue}; kept in {file}, which may hold personal data"]


@_command
def pause(queue: Queue, target: TargetOption) -> list[str]:
    """Disable the consumer of a queue, while a service that it depends on is down."""
    client, _ = _account(target)
    queue_states.enable_consumer(client("sqs"), client("lambda"), queue, False)
    return [f"{queue} is paused: its messages wait"]


@_command
def resume(queue: Queue, target: TargetOption) -> list[str]:
    """Enable the consumer of a queue again."""
    client, _ = _account(target)
    queue_states.enable_consumer(client("sqs"), client("lambda"), queue, True)
    return [f"{queue} is resumed: its messages are consumed"]


@_command
def redrive(queue: Queue, target: TargetOption) -> list[str]:
    """Move the messages of a queue's DLQ back to the queue."""
    client, _ = _account(target)
    done = queue_states.redrive(client("sqs"), queue)
    return [f"{done.moved} messages moved back to {queue}, {done.left} left in its DLQ"]


@_command
def query(
    name: Annotated[
        str, typer.Argument(help="Name of the query: errors, refused, rejections, trace, crashes or slow.")
    ],
    target: TargetOption,
    text: Annotated[str, typer.Option(help="Id to look for, where the query needs one.")] = "",
    function: Annotated[str | None, typer.Option(help="Folder of the only function to search.")] = None,
    minutes: Annotated[float, typer.Option(help="How far back to search.")] = 60,
) -> list[str]:
    """Run a saved query of the logs."""
    client, outputs = _account(target)
    functions = outputs["function_names"]
    if function and function not in functions:
        raise log_queries.QueryError(f"there is no function {function!r}: --function is one of {', '.join(functions)}")
    prefix = next(iter(outputs["saved_queries"])).partition("/")[0]
    rows = log_queries.run(client("logs"), prefix, name, text, minutes, functions[function] if function else None)
    return [*("  ".join(row.values()).rstrip() for row in rows), f"{len(rows)} lines"]


@_command
def restore(
    at: Annotated[datetime, typer.Option(parser=_timestamp, metavar="TIME", help="Such as 2026-11-24T10:00:00Z.")],
    target: TargetOption,
) -> list[str]:
    """Restore the orders table, as it was at a point in time, to a new table."""
    client, outputs = _account(target)
    return [f"restored {restores.restore(client('dynamodb'), outputs['orders_table'], at)}"]


@_command
def recover(
    restored: Restored,
    target: TargetOption,
    order: Annotated[str | None, typer.Option(help="Id of the only order to copy, overwriting the live one.")] = None,
) -> list[str]:
    """Copy what is missing in the orders table back from a restored table."""
    client, _ = _account(target)
    put, left = restores.recover(client("dynamodb"), restored, order)
    lines = [f"not overwritten, the live item differs: {key}" for key in left]
    return [*lines, f"{len(put)} items copied back, {len(left)} left"]


@_command
def discard(restored: Restored, target: TargetOption) -> list[str]:
    """Delete a restored table."""
    client, _ = _account(target)
    restores.discard(client("dynamodb"), restored)
    return [f"deleted {restored}"]


if __name__ == "__main__":
    sys.exit(run_cli(lambda: app(prog_name="ops"), STACK_ADVICE))
