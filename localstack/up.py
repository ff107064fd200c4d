"""`make up`: from a clone to a stack that takes orders; keeps what is there and repairs what is broken."""

import os
import shutil
import sys
import time
import webbrowser
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from requests import RequestException
from rich.console import Console

from localstack import engines, packages, ports, processes, redeploy, seed, snapshots, warm
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.stack import PROCESS_VARIABLE, Stack, StackError
from localstack.terraform import LocalTerraform
from release import traffic
from release.traffic import TrafficError
from tooling import locks
from tooling.cli import UserError
from tooling.paths import ROOT
from tooling.polling import poll

# Module of the sidecar and use of its port, by name.
_SIDECARS = {
    "cart_stub": ("localstack.sidecars.cart_stub", "cart"),
    "mail_catcher": ("localstack.sidecars.mail_catcher", "smtp"),
    "console": ("localstack.console", "console"),
    "portal": ("localstack.portal", "portal"),
    "fault_proxy": ("localstack.faults.proxy", "proxy"),
    "issuer": ("localstack.sidecars.issuer", "issuer"),
}
_SIDECAR_SECONDS = 60
_DOWN_SECONDS = 30
# How long another command may take to start the same page.
_PAGE_SECONDS = 10

# What a client of the engine raises if the engine refuses a request, or does not respond.
_ENGINE_ERRORS = (BotoCoreError, ClientError, RequestException)

# A file, such as a CI log, has no width; rich's 80 columns would break the rows of tables.
console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 150)


class _SnapshotError(StackError):
    """A stack does not come up from its snapshot; the text says why."""


class _Began(Enum):
    """How the engine of a stack began."""

    RUNNING = auto()
    FROM_SNAPSHOT = auto()
    EMPTY = auto()


def display_path(path: Path) -> str:
    """Path relative to the current folder."""
    return os.path.relpath(path)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show a step while it runs, then how long it took."""
    started = time.monotonic()
    with console.status(name):
        yield
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")


@contextmanager
def exclusive(stack: Stack, seconds: float = 0) -> Iterator[None]:
    """Keep other processes from changing the stack; StackError if one still does after so many seconds."""
    busy = StackError(f"another `make up` works on {stack.directory}: wait for it to end")
    with locks.exclusive(stack.directory / "lock", seconds, busy):
        yield


def _arguments(stack: Stack, name: str) -> tuple[str, ...]:
    """What a sidecar is started with, besides its port."""
    match name:
        case "cart_stub":
            return stack.certificates[1:] if stack.certificates else ()
        case "mail_catcher":
            return (str(stack.mail_dir),)
        case "fault_proxy":
            return (stack.endpoint, stack.cart_url)
        case "issuer":
            return (str(stack.directory / "issuer.jwk"),)
        case _:
            return (str(stack.directory),)


def _start_sidecar(stack: Stack, name: str) -> None:
    module, use = _SIDECARS[name]
    port = stack.ports[use]
    if processes.serves(stack.running.get(name), port):
        return
    processes.stop(stack.running.get(name))
    ports.require_free(stack, use, _title(name))
    command = [sys.executable, "-m", module, str(port), *_arguments(stack, name)]
    environment = processes.environment(**{PROCESS_VARIABLE: str(stack.directory)})
    stack.running[name] = processes.start(command, stack.logs_dir / f"{name}.log", environment, ROOT)
    stack.save()


def _title(name: str) -> str:
    """What a person calls a sidecar."""
    return name.replace("_", " ")


def _wait_for_sidecar(stack: Stack, name: str) -> None:
    use, log = _SIDECARS[name][1], stack.logs_dir / f"{name}.log"

    def listens() -> bool | None:
        ports.require_own(stack, use, _title(name), stack.running[name])
        if not processes.alive(stack.running[name]):
            last = processes.last_line(log)
            raise StackError(f"the {_title(name)} ended while starting; its last line is: {last} (see {log})")
        return processes.serves(stack.running[name], stack.ports[use]) or None

    poll(f"{_title(name)} on port {stack.ports[use]} (log: {log})", listens, _SIDECAR_SECONDS)


def start_cart_stub(stack: Stack) -> None:
    _start_sidecar(stack, "cart_stub")
    _wait_for_sidecar(stack, "cart_stub")


def _require_readable(stack: Stack) -> None:
    """Raise StackError if nobody can tell whether a process of the stack runs: what it uses must not be removed."""
    for name, running in stack.running.items():
        port = stack.ports.get(_SIDECARS[name][1] if name in _SIDECARS else name)
        if port and processes.unreadable(running, port):
            raise StackError(
                f"process {running.pid}, recorded as the {_title(name)}, cannot be read: run the command as the "
                f"user who started it; if it is another program by now, delete {stack.directory / 'stack.json'} first"
            )


def _start_sidecars(stack: Stack, engine: engines.Engine) -> list[str]:
    """Start the sidecars that the engine and the functions need, and that do not run; returns the names of all."""
    wanted = {
        "cart_stub": True,
        "mail_catcher": engine.needs_mail_catcher,
        "fault_proxy": stack.proxy_url,
        "issuer": stack.issuer_url,
    }
    names = [name for name, needed in wanted.items() if needed]
    for name in names:
        _start_sidecar(stack, name)
    return names


def _start(stack: Stack, engine: engines.Engine, sidecars: Iterable[str]) -> _Began:
    """Start the engine if it does not run, wait for it and the sidecars, and start the console."""
    began = _start_engine(stack, engine)
    for name in sidecars:
        _wait_for_sidecar(stack, name)
    # Nothing needs the console while the stack comes up, and it takes as long to start as the engine.
    _start_sidecar(stack, "console")
    return began


def _start_engine(stack: Stack, engine: engines.Engine) -> _Began:
    """Start the engine if it does not run. Raises _SnapshotError: it does not start from a snapshot."""
    healthy = engine.healthy(stack)
    if healthy and stack.outputs:
        engine.connect(stack)
        return _Began.RUNNING
    if not healthy and (found := engine.unresponsive(stack)):
        # It may be busy, and its orders would be gone.
        advice = "wait and run `make up` again, or end it with `make down`"
        raise StackError(f"the engine, {found}, runs but does not respond on port {stack.ports['engine']}: {advice}")
    # A stopped engine has lost its state, and Terraform's with it; after an interrupted first apply it has resources
    # that Terraform does not know. Start from scratch in both cases.
    if stack.running:
        engine.stop(stack)
    ports.require_free(stack, "engine", "engine")
    # Also what is left of a stack whose stack.json was lost.
    shutil.rmtree(stack.engine_dir, ignore_errors=True)
    stack.outputs = {}
    if not snapshots.restore(stack):
        if snapshots.possible(stack):
            why = (
                "the snapshot is damaged or cannot be copied"
                if snapshots.exists(stack)
                else "no snapshot has these inputs"
            )
            console.print(f"  {why}, so Terraform makes the resources", soft_wrap=True)
        engine.start(stack)
        return _Began.EMPTY
    console.print("  from a snapshot")
    try:
        engine.start(stack)
        snapshots.adopt(stack)
    except UserError as error:
        raise _SnapshotError(str(error)) from None
    return _Began.FROM_SNAPSHOT


def up(
    stack: Stack,
    engine_name: str | None,
    free_ports: bool = False,
    release: Path | None = None,
    faults: bool = False,
    issuer: bool = False,
    given: Mapping[str, int] | None = None,
) -> None:
    """Bring a stack up.

    Args:
        engine_name: embedded, localstack-host, localstack, or None to choose.
        release: Folder of a release to run; None to build and run this tree.
        faults: Functions reach engine and cart stub through the fault proxy.
        issuer: The harness's issuer issues the tokens even if the engine has Cognito.
        free_ports: Prefer free ports to the defaults.
        given: Chosen ports by use.

    Raises:
        TrafficError: A new version of a function does not run; the old one stays live.
        UserError: The stack cannot be brought up; the message says why and what to do.
    """
    with exclusive(stack):
        stack.reload()
        _require_readable(stack)
        engine = engines.choose(engine_name or (stack.engine if stack.running else None))
        if release:
            packages.require_release(release, engine.name)
        if issuer and stack.running and not stack.issuer_url:
            raise StackError("a stack with Cognito is up: run `make down` first")
        uses = {"engine", "cart", "console", *stack.ports} | ({"smtp"} if engine.needs_mail_catcher else set())
        uses |= ({"proxy"} if faults else set()) | ({"issuer"} if issuer or not engine.has_cognito else set())
        if stack.running and stack.engine != engine.name:
            raise StackError(f"a stack on engine {stack.engine} is up: run `make down` first")
        stack.engine = engine.name
        stack.release = str(release.resolve()) if release else None
        with ports.choosing():
            for use, why in ports.choose(stack, uses, given or {}, free_ports).items():
                console.print(f"  {why}: the {use} uses {stack.ports[use]}", soft_wrap=True)
            # From now on other stacks leave these ports alone.
            sidecars = _start_sidecars(stack, engine)
        _bring_up(stack, engine, sidecars)


def _bring_up(stack: Stack, engine: engines.Engine, sidecars: Iterable[str]) -> None:
    """Bring up a stack whose engine and ports are chosen, and whose lock is held."""
    started = time.monotonic()
    try:
        _attempt(stack, engine, sidecars)
    except _SnapshotError as error:
        console.print(f"  the stack does not come up from its snapshot, which is removed: {error}", soft_wrap=True)
        snapshots.remove(stack)
        engine.stop(stack)
        _attempt(stack, engine, sidecars)
    console.print(f"\nThe stack is up after {time.monotonic() - started:.0f} s.")


def _attempt(stack: Stack, engine: engines.Engine, sidecars: Iterable[str]) -> None:
    """Start the engine, and bring its resources up to date. Raises _SnapshotError: those of a snapshot do not work."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        # While the engine starts, this process has nothing to do but wait.
        building = pool.submit(packages.build_all, stack)
        clients = pool.submit(redeploy.clients, stack.endpoint)
        with step(f"Engine {engines.title(engine)} on port {stack.ports['engine']}"):
            began = _start(stack, engine, sidecars)
        templates = redeploy.checked_templates(stack)
        terraform = LocalTerraform(stack)
        reason = terraform.reason_to_apply()
        with step("Packages and providers" if reason else "Packages"):
            if reason:
                terraform.prepare_backend()
                terraform.init()
            built = building.result()
            aws = clients.result()
    if built:
        console.print(f"  built {', '.join(built)}", soft_wrap=True)
    if reason:
        _apply(stack, terraform, reason)
    try:
        with step("Templates, users, traffic to the new versions"):
            _finish(stack, aws, templates, wait_for_consumers=began is _Began.EMPTY)
    except TrafficError:
        # The next `make up` publishes again; Terraform's resources are up to date.
        terraform.mark_applied()
        raise
    except _ENGINE_ERRORS as error:
        if began is _Began.FROM_SNAPSHOT:
            raise _SnapshotError(str(error)) from None
        raise
    terraform.mark_applied()
    if began is _Began.EMPTY and snapshots.possible(stack):
        _save_snapshot(stack)
    _wait_for_sidecar(stack, "console")


def _save_snapshot(stack: Stack) -> None:
    """Save a snapshot if that is possible: without one the stack is as good, and only the next start takes longer."""
    try:
        with step("Snapshot for the next time"):
            snapshots.save(stack)
    except OSError as error:
        console.print(f"  no snapshot is saved, so the next start waits for Terraform too: {error}", soft_wrap=True)


def _apply(stack: Stack, terraform: LocalTerraform, reason: str) -> None:
    name = f"Terraform apply ({reason})" if stack.applied else "Terraform apply"
    # Until the apply ends, the state of the stack is unknown.
    stack.applied = None
    stack.save()
    # Terraform mostly waits, so functions that exist already can import their libraries.
    with step(name), warm.new_functions(Aws(stack.endpoint).functions):
        stack.outputs = terraform.apply()
        stack.save()


def _finish(stack: Stack, aws: Aws, templates: Mapping[str, bytes], wait_for_consumers: bool) -> None:
    """Deploy what Terraform does not, or did not this time, and shift the traffic to it."""
    names = stack.outputs["function_names"]
    with ThreadPoolExecutor(max_workers=8) as pool:
        seeded = pool.submit(seed.seed, stack)
        # Templates first: processes of new versions read them when they start.
        redeploy.put_templates(aws.s3, stack, templates)
        # Terraform compares with its state, which does not have what `make watch` deployed.
        redeploy.publish(aws.functions, stack)
        for name in traffic.move_to_newest(aws.functions, names.values()):
            redeploy.delete_old_versions(aws.functions, name)
        seeded.result()
    consumers = () if wait_for_consumers else stack.outputs["queue_names"]
    warm.start(aws.functions, [name for function, name in names.items() if function not in consumers])
    warm.start_soon(aws.functions, [names[function] for function in consumers])


def explain(stack: Stack) -> None:
    """Print the addresses of the stack and the next commands."""
    console.print(
        f"""
  API       {stack.api_url}
  token     bin/ops stack token {seed.users()[0]["email"]}
  mails     {display_path(stack.mail_dir)}
  console   {stack.console_url}

Next: [bold]make order[/] places an order and shows its trace, [bold]make e2e[/] tests everything,
[bold]make logs FUNCTION=create_order[/] shows the logs of a function, [bold]make down[/] stops the stack.""",
        soft_wrap=True,
    )


def open_page(stack: Stack, name: str, port: int | None = None) -> None:
    """Open the console or the portal in a browser, or print its URL if there is no display.

    Raises StackError if its port is taken, or another `make up` works on the stack.
    """
    url = start_page(stack, name, port)
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
    console.print(url, soft_wrap=True)


def start_page(stack: Stack, name: str, port: int | None = None) -> str:
    """Start the console or the portal if it does not run, and return its URL."""
    if not processes.alive(stack.running.get(name)):
        with exclusive(stack, _PAGE_SECONDS):
            # Another command may have started it, or changed the stack, meanwhile.
            stack.reload()
            if not processes.alive(stack.running.get(name)):
                default = ports.DEFAULTS[name][1]
                free = processes.free_port() if processes.listens(default) else default
                stack.ports[name] = port or stack.ports.get(name, free)
                _start_sidecar(stack, name)
    _wait_for_sidecar(stack, name)
    return f"http://127.0.0.1:{stack.ports[name]}/"


def reset() -> None:
    """Empty the stack in STACK_DIR: orders, mails and what was changed by hand are gone, and its users are there.

    Raises StackError if there is no finished stack, and what `up` raises.
    """
    with exclusive(stacks.require()):
        # Loaded only now, since another command may have changed it meanwhile.
        stack = stacks.require()
        _require_readable(stack)
        engine = engines.choose(stack.engine)
        if stack.release:
            packages.require_release(Path(stack.release), engine.name)
        engine.stop(stack)
        # The folder of the mails stays: a running process writes to it.
        for mail in stack.mail_dir.glob("*.eml"):
            mail.unlink()
        _bring_up(stack, engine, _start_sidecars(stack, engine))


def down(stack: Stack | None = None) -> None:
    """Stop a stack and forget it; mails, logs and downloaded invoices stay on disk.

    Without a stack it is the one in STACK_DIR, even if its stack.json cannot be read. Raises StackError: nobody can
    tell whether a process of it runs.
    """
    try:
        stack = stack or stacks.load()
    except StackError:
        stack = Stack(stacks.default_directory())
    _require_readable(stack)

    def gone() -> bool | None:
        # Also those that stack.json does not name, such as functions of an engine that was killed, and those that the
        # engine has started meanwhile. Nothing of a stack that goes down has anything to save.
        left = processes.find(PROCESS_VARIABLE, str(stack.directory))
        processes.kill(left)
        return not left or None

    poll(f"the processes of {stack.directory} have ended", gone, _DOWN_SECONDS, interval=0)
    engines.stop(stack)
    # Its engine is not known if stack.json cannot be read.
    shutil.rmtree(stack.engine_dir, ignore_errors=True)
    (stack.directory / "stack.json").unlink(missing_ok=True)
