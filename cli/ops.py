"""`bin/ops`: the commands of an incident, the local platform (`stack`), and the labs (`lab`)."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from cli import lab, stack
from localstack import engines, targets
from localstack.aws import Aws
from localstack.stack import ADVICE as STACK_ADVICE
from ops import incident
from ops.incident import Account
from tooling.cli import ADVICE, run_cli

app = typer.Typer(
    help="On-call and the local platform. Commands of an incident need --target; docs/runbooks says when to run which.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(stack.app, name="stack")
app.add_typer(lab.app, name="lab")

Target = Literal["local", "dev", "sit", "prod", "failover"]
TargetOption = Annotated[Target, typer.Option(help="Environment to act on; local is the stack of `bin/ops stack up`.")]
Queue = Annotated[str, typer.Argument(help="Name of the queue, not of its DLQ.")]
Restored = Annotated[str, typer.Option("--from", help="Name of the restored table, as `restore` printed it.")]


def _account(target: Target) -> Account:
    if target == "local":
        local = engines.require()
        return Account(Aws(local.endpoint).client, local.outputs)
    platform = targets.chosen(target)
    return Account(platform.aws.client, platform.outputs)


def _run(target: Target, command: Callable[[Account], list[str]]) -> None:
    """Run a command on an environment and print its lines."""

    def run() -> None:
        print(*command(_account(target)), sep="\n")

    raise typer.Exit(run_cli(run, STACK_ADVICE if target == "local" else ADVICE))


def _timestamp(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise typer.BadParameter("a time with its UTC offset is needed, such as 2026-11-24T10:00:00Z")
    return at.astimezone(UTC)


@app.command()
def alarms(
    target: TargetOption,
    alarm: Annotated[str | None, typer.Option(help="Show only this alarm, whatever its state.")] = None,
    wait: Annotated[float | None, typer.Option(help="Seconds to wait until none is in ALARM.")] = None,
) -> None:
    """Show the alarms that are in ALARM, with the section of the runbook for each."""
    _run(target, lambda account: incident.show_alarms(account, alarm, wait))


@app.command()
def queues(target: TargetOption) -> None:
    """Show what queues and DLQs hold, and whether each queue is consumed."""
    _run(target, incident.show_queues)


@app.command()
def dlq(queue: Queue, target: TargetOption) -> None:
    """Show the messages in the DLQ of a queue, and leave them there."""
    _run(target, lambda account: incident.show_dlq(account, queue))


@app.command()
def drop(
    queue: Queue, message: Annotated[str, typer.Argument(help="Message id, as `dlq` shows it.")], target: TargetOption
) -> None:
    """Move a message that can never succeed out of the DLQ of a queue, into build/dropped."""
    _run(target, lambda account: incident.drop(account, queue, message))


@app.command()
def pause(queue: Queue, target: TargetOption) -> None:
    """Disable the consumer of a queue, as long as what it depends on is down."""
    _run(target, lambda account: incident.pause(account, queue))


@app.command()
def resume(queue: Queue, target: TargetOption) -> None:
    """Enable the consumer of a queue again."""
    _run(target, lambda account: incident.resume(account, queue))


@app.command()
def redrive(queue: Queue, target: TargetOption) -> None:
    """Move the messages of a queue's DLQ back to the queue."""
    _run(target, lambda account: incident.redrive(account, queue))


@app.command()
def query(
    name: Annotated[str, typer.Argument(help="Name of the query: errors, refused, trace, crashes or slow.")],
    target: TargetOption,
    text: Annotated[str, typer.Option(help="Id to look for, where the query needs one.")] = "",
    function: Annotated[str | None, typer.Option(help="Folder of the only function to search.")] = None,
    minutes: Annotated[float, typer.Option(help="How far back to search.")] = 60,
) -> None:
    """Run a saved query of the logs."""
    _run(target, lambda account: incident.query(account, name, text, function, minutes))


@app.command()
def restore(
    at: Annotated[datetime, typer.Option(parser=_timestamp, metavar="TIME", help="Such as 2026-11-24T10:00:00Z.")],
    target: TargetOption,
) -> None:
    """Restore the orders table, as it was at a point in time, to a new table."""
    _run(target, lambda account: incident.restore(account, at))


@app.command()
def recover(
    restored: Restored,
    target: TargetOption,
    order: Annotated[str | None, typer.Option(help="Id of the only order to copy, overwriting the live one.")] = None,
) -> None:
    """Copy what is missing in the orders table back from a restored table."""
    _run(target, lambda account: incident.recover(account, restored, order))


@app.command()
def discard(restored: Restored, target: TargetOption) -> None:
    """Delete a restored table."""
    _run(target, lambda account: incident.discard(account, restored))


if __name__ == "__main__":
    sys.exit(run_cli(lambda: app(prog_name="ops"), STACK_ADVICE))
