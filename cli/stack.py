"""`bin/ops stack`: the local platform."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from localstack import debug as debugging
from localstack import engines, processes, run_tree, seed, tflocal
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.logs import checked, show_logs
from localstack.place_order import place_order
from localstack.redeploy import differences
from localstack.shell import open_shell
from localstack.stack import StackError
from localstack.stand_ins.images import make as make_images
from localstack.terraform import LocalTerraform
from localstack.up import console as screen
from localstack.up import display_path, explain, open_page
from localstack.up import down as stop_stack
from localstack.up import reset as reset_stack
from localstack.up import up as start_stack
from localstack.watch import watch as watch_tree
from ops import queues

app = typer.Typer(help="The local platform, in build/local or the folder that STACK_DIR names.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Option(help="Run the packages of this release, not those of this tree.")]


@app.command()
def up(
    engine: Annotated[
        Literal["embedded", "localstack", "localstack-host"] | None, typer.Option(help="Engine to run on.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of the engine.")] = None,
    cart_port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of the Cart service.")] = None,
    smtp_port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of LocalStack's mail catcher.")] = None,
    console_port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of the console.")] = None,
    release_dir: Folder = None,
    faults: Annotated[bool, typer.Option("--faults", help="Put the fault proxy behind the functions.")] = False,
    issuer: Annotated[
        bool, typer.Option("--issuer", help="Accept tokens of the local issuer instead of Cognito's.")
    ] = False,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Prefer free ports to the defaults.")] = False,
) -> None:
    """Bring the local stack up, or repair it."""
    ports = {"engine": port, "cart": cart_port, "smtp": smtp_port, "console": console_port}
    stack = stacks.load()
    given = {use: number for use, number in ports.items() if number is not None}
    start_stack(stack, engine, free_ports, release_dir, faults, issuer, given)
    explain(stack)


@app.command()
def reset() -> None:
    """Empty the stack: orders and mails are gone, its users stay. Takes seconds if a snapshot matches."""
    reset_stack()


@app.command()
def down() -> None:
    """Stop the local stack and delete what it held; mails and logs stay."""
    directory = stacks.default_directory()
    there = (directory / "stack.json").exists()
    stop_stack()
    screen.print(
        f"stopped; mails and logs are in {display_path(directory)}" if there else f"no stack runs in {directory}",
        soft_wrap=True,
    )


@app.command()
def status() -> None:
    """Show engine, processes, queues and mails, and where other stacks of this user run."""
    for other in sorted(processes.stacks() - {str(stacks.default_directory())}):
        screen.print(f"another stack runs in {other}{_engine_port(Path(other))}", soft_wrap=True)
    stack = stacks.require()
    engine = engines.choose(stack.engine)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ignore")
    table.add_column(overflow="fold")
    table.add_row(f"engine {stack.engine}", "responds" if engine.healthy(stack) else "[red]does not respond[/]")
    for name in ("cart_stub", "console", *(name for name in ("mail_catcher", "bridge") if name in stack.running)):
        running = processes.alive(stack.running.get(name))
        table.add_row(name.replace("_", " "), "runs" if running else "[red]stopped[/]")
    if tree := run_tree.source_of(stack):
        table.add_row("functions", f"run what is saved in {tree}, until `make watch` ends; then their packages")
    if debugged := debugging.debugged(stack):
        table.add_row("debugger", f"{debugged} waits for one or has one, until `bin/ops stack debug` ends")
    table.add_row("mails", str(len(list(stack.mail_dir.glob("*.eml")))))
    screen.print(table)
    engines.require()
    aws, table = Aws(stack.endpoint), Table.grid(padding=(0, 2))
    names = [*stack.outputs["queue_names"].values(), *stack.outputs["dlq_names"].values()]
    for queue in queues.states(aws.sqs, aws.functions, names):
        table.add_row(queue.name, f"{queue.waiting} waiting, {queue.hidden} in flight or backing off")
    screen.print(table)
    screen.print(f"API {stack.api_url}", soft_wrap=True)


def _engine_port(folder: Path) -> str:
    with suppress(StackError):
        if port := stacks.load(folder).ports.get("engine"):
            return f", its engine on port {port}"
    return ""


@app.command()
def order() -> None:
    """Place a demo order and follow it to the mails; without a stack, bring it up first."""
    try:
        stack = engines.require()
    except StackError:
        stack = stacks.load()
        start_stack(stack, None, release=Path(stack.release) if stack.release else None)
    place_order(stack)


@app.command()
def console(
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port, if the console must be started.")] = None,
) -> None:
    """Open the page that shows the local stack: orders, traces, mails, queues, alarms."""
    open_page(stacks.load(), "console", port)


@app.command()
def portal(
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port, if the portal must be started.")] = None,
) -> None:
    """Open the demo portal: a page that orders, follows an order and downloads its invoice."""
    open_page(engines.require(), "portal", port)


@app.command()
def token(email: Annotated[str, typer.Argument(help="Address of a seeded user.")] = "thandi@acme.example") -> None:
    """Print the ID token of a seeded user."""
    # Nothing else goes to standard output, so that a shell variable can hold it.
    print(seed.token(engines.require(), email))


@app.command()
def logs(
    function: Annotated[str, typer.Argument(help="Folder of the function, such as create_order.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new events.")] = False,
) -> None:
    """Print the logs of a function: in colour, or as JSON lines into a pipe."""
    name = checked(function)
    show_logs(engines.require(), name, follow, screen)


@app.command()
def watch() -> None:
    """Run what is saved in functions/, common/ or templates/ on the local stack at once."""
    watch_tree()


@app.command()
def debug(
    function: Annotated[str, typer.Argument(help="Folder of the function, such as create_order.")],
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port that the debugger attaches to.")] = debugging.PORT,
) -> None:
    """Let a debugger enter a function, which has no timeouts until Ctrl-C."""
    debugging.debug(checked(function), port)


@app.command()
def shell() -> None:
    """Open a Python shell with clients of the local stack."""
    open_shell(engines.require())


@app.command()
def preview(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the page.")] = 4574,
    once: Annotated[bool, typer.Option("--once", help="Only write build/preview.")] = False,
) -> None:
    """Show every template with sample data; needs no stack and no AWS."""
    # Imported late: WeasyPrint takes a second.
    from localstack.preview import server as previews

    raise typer.Exit(previews.run(port, once))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def terraform(context: typer.Context) -> None:
    """Run Terraform against the local stack, for example: terraform plan."""
    raise typer.Exit(LocalTerraform(engines.require()).passthrough(context.args or ["version"]))


@app.command()
def env() -> None:
    """Print the variables for tflocal, awslocal and other tools: eval "$(bin/ops stack env)"."""
    stack = engines.require()
    tflocal.install()
    print(*tflocal.script(tflocal.variables(stack)), sep="\n")


@app.command()
def drift() -> None:
    """Show what differs from Terraform and the packages of this tree."""
    changed = differences(engines.require())
    if changed:
        raise StackError(f"the stack differs from its Terraform: {', '.join(changed)}; `make up` repairs what it can")
    screen.print("the stack matches its Terraform")


@app.command()
def images() -> None:
    """Make stand-ins for the images of LocalStack and Lambda, where no registry can be reached."""
    make_images(screen.print)
