"""`python -m localstack COMMAND`: what the make targets call."""

import argparse
import os
import sys
from pathlib import Path

from rich.table import Table

from localstack import engines, processes, seed
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.drift import differences
from localstack.logs import checked, show_logs
from localstack.place_order import place_order
from localstack.shell import open_shell
from localstack.stack import ADVICE, Stack, StackError
from localstack.up import console, down, explain, open_console, up
from localstack.watch import watch
from ops import incident, queues
from tooling.cli import run_cli


def _status(stack: Stack) -> None:
    engine = engines.choose(stack.engine)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ignore")
    table.add_column(overflow="fold")
    table.add_row(f"engine {stack.engine}", "answers" if engine.healthy(stack) else "[red]does not answer[/]")
    for name in ("cart_stub", "mail_catcher", "console"):
        table.add_row(name.replace("_", " "), "runs" if processes.alive(stack.running.get(name)) else "[red]stopped[/]")
    table.add_row("mails", str(len(list(stack.mail_dir.glob("*.eml")))))
    console.print(table)
    engines.require()
    table = Table.grid(padding=(0, 2))
    aws = Aws(stack.endpoint)
    names = [*stack.outputs["queue_names"].values(), *stack.outputs["dlq_names"].values()]
    for state in queues.states(aws.sqs, aws.functions, names):
        table.add_row(state.name, f"{state.waiting} waiting, {state.hidden} in work or resting")
    console.print(table)
    console.print(f"API {stack.api_url}", soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    bring_up = commands.add_parser("up", help="bring the stack up")
    bring_up.add_argument("--free-ports", action="store_true", help="take any free ports")
    bring_up.add_argument("--faults", action="store_true", help="put the fault proxy behind the functions")
    bring_up.add_argument("--issuer", action="store_true", help="take tokens of the harness instead of Cognito's")
    bring_up.add_argument("--release-dir", type=Path, help="run the packages of this release")
    for name in ("down", "status", "order", "console", "drift", "watch", "shell"):
        commands.add_parser(name)
    commands.add_parser("token").add_argument("email")
    incident.add_commands(lambda name, text: commands.add_parser(name, help=text))
    logs = commands.add_parser("logs")
    logs.add_argument("function", nargs="?", default="")
    logs.add_argument("--follow", action="store_true")
    return parser


def main() -> None:
    """Run a command."""
    arguments = _parser().parse_args()
    match arguments.command:
        case "up":
            stack = stacks.load()
            up(
                stack,
                os.environ.get("ENGINE"),
                arguments.free_ports,
                arguments.release_dir,
                arguments.faults,
                arguments.issuer,
            )
            explain(stack)
        case "down":
            down()
        case "status":
            _status(stacks.require())
        case "order":
            place_order(engines.require())
        case "console":
            open_console(stacks.load())
        case "watch":
            watch()
        case "drift":
            changed = differences(engines.require())
            if changed:
                raise StackError(
                    "the stack differs from its Terraform: " + ", ".join(changed) + "; `make up` mends what it can"
                )
            console.print("the stack is as its Terraform made it")
        case "token":
            # To standard output and nothing else, so that it can be put into a variable.
            print(seed.token(engines.require(), arguments.email))
        case "logs":
            function = checked(arguments.function)
            show_logs(engines.require(), function, arguments.follow, console)
        case "shell":
            open_shell(engines.require())
        case command if command in incident.COMMANDS:
            stack = engines.require()
            print(*incident.run(arguments, incident.Account(Aws(stack.endpoint).client, stack.outputs)), sep="\n")


if __name__ == "__main__":
    sys.exit(run_cli(main, ADVICE))
