"""`python -m localstack COMMAND`: what the make targets call."""

import argparse
import os
import sys
import time
from pathlib import Path

from rich.table import Table

from localstack import engines, processes, seed
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.journey import place_order
from localstack.stack import Stack, StackError
from localstack.up import console, down, explain, open_console, up
from release.build import BuildError, function_names
from release.manifest import ManifestError
from release.redrive import RedriveError, redrive
from release.traffic import TrafficError


def _status(stack: Stack) -> None:
    engine = engines.choose(stack.engine)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ignore")
    table.add_column(overflow="fold")
    table.add_row(f"engine {stack.engine}", "answers" if engine.healthy(stack) else "[red]does not answer[/]")
    for name in ("cart_stub", "mail_catcher", "console"):
        table.add_row(name.replace("_", " "), "runs" if processes.alive(stack.running.get(name)) else "[red]stopped[/]")
    table.add_row("mails", str(len(list(stack.mail_dir.glob("*.eml")))))
    sqs = Aws(stack.endpoint).sqs
    for name in [*stack.outputs["queue_names"].values(), *stack.outputs["dlq_names"].values()]:
        attributes = sqs.get_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        waiting, hidden = attributes.values()
        table.add_row(name, f"{waiting} waiting, {hidden} in work or resting")
    console.print(table)
    console.print(f"API {stack.api_url}", soft_wrap=True)


def _logs(stack: Stack, function: str, follow: bool) -> None:
    if function not in function_names():
        raise StackError(f"there is no function {function!r}: FUNCTION is one of {', '.join(function_names())}")
    group = f"/aws/lambda/{stack.outputs['function_names'][function]}"
    logs, since, shown = Aws(stack.endpoint).logs, 0, set[str]()
    while True:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since):
            for event in page["events"]:
                key = f"{event['logStreamName']}/{event['timestamp']}/{event['message']}"
                if key not in shown:
                    shown.add(key)
                    console.print(event["message"].rstrip(), markup=False, soft_wrap=True)
                    since = max(since, event["timestamp"])
        if not follow:
            return
        time.sleep(1)


def _run(arguments: argparse.Namespace) -> None:
    match arguments.command:
        case "up":
            stack = stacks.load()
            up(stack, os.environ.get("ENGINE"), arguments.free_ports, arguments.release_dir, arguments.faults)
            explain(stack)
        case "down":
            down(stacks.load())
        case "status":
            _status(stacks.require())
        case "order":
            place_order(stacks.require())
        case "console":
            open_console(stacks.load())
        case "token":
            # To standard output and nothing else, so that it can be put into a variable.
            print(seed.token(stacks.require(), arguments.email))
        case "redrive":
            done = redrive(Aws(stacks.require().endpoint).sqs, arguments.queue)
            console.print(f"{done.moved} messages put back on {arguments.queue}, {done.left} in its DLQ")
        case "logs":
            _logs(stacks.require(), arguments.function, arguments.follow)


def main() -> int:
    """Run a command; errors are one sentence and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m localstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    bring_up = commands.add_parser("up", help="bring the stack up")
    bring_up.add_argument("--free-ports", action="store_true", help="take any free ports")
    bring_up.add_argument("--faults", action="store_true", help="put the fault proxy behind the functions")
    bring_up.add_argument("--release-dir", type=Path, help="run the packages of this release")
    for name in ("down", "status", "order", "console"):
        commands.add_parser(name)
    commands.add_parser("token").add_argument("email")
    commands.add_parser("redrive").add_argument("queue", help="name of the queue that failed, not of its DLQ")
    logs = commands.add_parser("logs")
    logs.add_argument("function", nargs="?", default="")
    logs.add_argument("--follow", action="store_true")
    try:
        _run(parser.parse_args())
    except (StackError, BuildError, ManifestError, TrafficError, RedriveError) as error:
        console.print(f"[red]error:[/] {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
