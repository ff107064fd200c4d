"""`make up`: from a clone to a stack that takes orders; keeps what is there and repairs what is broken."""

import fcntl
import os
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from localstack import engines, processes, redeploy, seed, warm
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.stack import PROCESS_VARIABLE, Stack, StackError
from localstack.terraform import LocalTerraform
from release import manifest, traffic
from release.packaging import build
from release.traffic import TrafficError
from tooling.paths import ROOT
from tooling.polling import poll

_DEFAULT_PORTS = {
    "engine": ("PORT", 4566),
    "cart": ("CART_PORT", 4571),
    "smtp": ("SMTP_PORT", 4572),
    "console": ("CONSOLE_PORT", 4573),
    "proxy": ("PROXY_PORT", 4575),
    "issuer": ("ISSUER_PORT", 4576),
}
_SIDECARS = {
    "cart_stub": "localstack.sidecars.cart_stub",
    "mail_catcher": "localstack.sidecars.mail_catcher",
    "console": "localstack.console",
    "fault_proxy": "localstack.faults.proxy",
    "issuer": "localstack.sidecars.issuer",
}
_SIDECAR_SECONDS = 60

# A file, such as a CI log, has no width; rich's 80 columns would break the rows of tables.
console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 150)


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
    """Keep other processes from changing the stack, such as another `make up` or `make watch`.

    Args:
        stack: The stack to change.
        seconds: Longest time to wait for others to end.

    Raises:
        StackError: Another process still changes the stack.
    """
    stack.directory.mkdir(parents=True, exist_ok=True)
    with (stack.directory / "lock").open("w") as lock:
        waiting = Retrying(
            stop=stop_after_delay(seconds),
            wait=wait_fixed(0.1),
            retry=retry_if_exception_type(BlockingIOError),
            reraise=True,
        )
        try:
            waiting(fcntl.flock, lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"another `make up` works on {stack.directory}: wait for it to end") from None
        yield


def _choose_ports(stack: Stack, given: Mapping[str, int], free: bool, faults: bool, issuer: bool) -> None:
    for use, (_, default) in _DEFAULT_PORTS.items():
        if (use == "proxy" and not faults) or (use == "issuer" and not issuer):
            continue
        if use in given:
            stack.ports[use] = given[use]
        elif use not in stack.ports:
            stack.ports[use] = processes.free_port() if free else default


def _start_sidecar(stack: Stack, name: str, use: str, *arguments: str, wait: bool = True) -> None:
    if processes.alive(stack.running.get(name)) and processes.listens(stack.ports[use]):
        return
    processes.stop(stack.running.get(name))
    processes.require_free(stack.ports[use], name.replace("_", " "), _DEFAULT_PORTS[use][0])
    command = [sys.executable, "-m", _SIDECARS[name], "--port", str(stack.ports[use]), *arguments]
    environment = os.environ | {PROCESS_VARIABLE: str(stack.directory)}
    stack.running[name] = processes.start(command, stack.logs_dir / f"{name}.log", environment, ROOT)
    stack.save()
    if wait:
        _wait_for_sidecar(stack, name, use)


def _wait_for_sidecar(stack: Stack, name: str, use: str) -> None:
    poll(
        f"{name.replace('_', ' ')} on port {stack.ports[use]} (log: {stack.logs_dir / f'{name}.log'})",
        lambda: processes.listens(stack.ports[use]) or None,
        _SIDECAR_SECONDS,
    )


def _start_console(stack: Stack) -> None:
    _start_sidecar(stack, "console", "console", "--directory", str(stack.directory), wait=False)


def start_cart_stub(stack: Stack) -> None:
    """Start the cart stub if it does not run."""
    tls = stack.certificates
    options = ("--certificate", tls.certificate, "--key", tls.key) if tls else ()
    _start_sidecar(stack, "cart_stub", "cart", *options)


def _start(stack: Stack, engine: engines.Engine) -> None:
    start_cart_stub(stack)
    _start_sidecar(stack, "mail_catcher", "smtp", "--directory", str(stack.mail_dir))
    # Nothing needs the console while the stack comes up, so do not wait for it.
    _start_console(stack)
    if stack.proxy_url:
        _start_sidecar(stack, "fault_proxy", "proxy", "--engine", stack.endpoint, "--cart", stack.cart_url)
    if stack.issuer_url:
        _start_sidecar(stack, "issuer", "issuer", "--key-file", str(stack.directory / "issuer.pem"))
    if engine.healthy(stack) and stack.outputs:
        return
    # A stopped engine has lost its state, and Terraform's with it; after an interrupted first apply it has resources
    # that Terraform does not know. Start from scratch in both cases.
    if stack.running:
        engine.stop(stack)
    processes.require_free(stack.ports["engine"], "engine", "PORT")
    stack.outputs = {}
    engine.start(stack)


def up(
    stack: Stack,
    engine_name: str | None,
    free_ports: bool = False,
    release: Path | None = None,
    faults: bool = False,
    issuer: bool = False,
    ports: Mapping[str, int] | None = None,
) -> None:
    """Bring a stack up.

    Args:
        stack: The stack as it was last saved.
        engine_name: embedded, localstack, or None to choose.
        free_ports: Whether to take any free ports, for a second stack.
        release: Folder of a release to run; None to build and run this tree.
        faults: Whether functions reach engine and cart stub through the fault proxy.
        issuer: Whether the harness's issuer issues the tokens even if the engine has Cognito.
        ports: Chosen ports by use: engine, cart, smtp, console.

    Raises:
        ManifestError: The folder is not the release that was built.
        StackError: The stack cannot be brought up; the message says why and what to do.
        BuildError: A package cannot be built.
        TrafficError: A new version of a function does not run; the old one stays live.
    """
    started = time.monotonic()
    if release:
        manifest.verify(release)
    with exclusive(stack):
        engine = engines.choose(engine_name or (stack.engine if stack.running else None))
        if issuer and stack.running and not stack.issuer_url:
            raise StackError("a stack with Cognito is up: run `make down` first")
        _choose_ports(
            stack, ports or {}, free_ports, faults, issuer or not engine.has_cognito or stack.issuer_url is not None
        )
        if stack.running and stack.engine != engine.name:
            raise StackError(f"a stack on engine {stack.engine} is up: run `make down` first")
        stack.engine = engine.name
        with step(f"Engine {engine.name} on port {stack.ports['engine']}"):
            _start(stack, engine)
        stack.release = str(release.resolve()) if release else None
        templates = redeploy.checked_templates(stack)
        terraform = LocalTerraform(stack)
        reason = terraform.reason_to_apply()
        with step("Packages and providers" if reason else "Packages"), ThreadPoolExecutor(max_workers=1) as pool:
            packages = pool.submit(build.build_all if release is None else list[str])
            if reason:
                terraform.prepare_backend()
                terraform.init()
            built = packages.result()
        if built:
            console.print(f"  built {', '.join(built)}", soft_wrap=True)
        if reason:
            _apply(stack, terraform, reason)
        try:
            with step("Templates, users, traffic to the new versions"):
                _finish(stack, templates)
        except TrafficError:
            # The next `make up` publishes again; Terraform's resources are up to date.
            terraform.mark_applied()
            raise
        terraform.mark_applied()
        _wait_for_sidecar(stack, "console", "console")
    console.print(f"\nThe stack is up after {time.monotonic() - started:.0f} s.")


def _apply(stack: Stack, terraform: LocalTerraform, reason: str) -> None:
    again = stack.applied is not None
    # Until the apply ends, the state of the stack is unknown.
    stack.applied = None
    stack.save()
    name = f"Terraform apply ({reason})" if again else "Terraform apply"
    # Terraform mostly waits, so functions that exist already can import their libraries.
    with step(name), warm.new_functions(Aws(stack.endpoint).functions):
        stack.outputs = terraform.apply()
        stack.save()


def _finish(stack: Stack, templates: Mapping[str, bytes]) -> None:
    """Deploy what Terraform does not, or did not this time, and shift the traffic to it."""
    aws, names = Aws(stack.endpoint), stack.outputs["function_names"].values()
    with ThreadPoolExecutor(max_workers=8) as pool:
        seeded = pool.submit(seed.seed, stack)
        # Templates first: processes of new versions read them when they start.
        redeploy.put_templates(aws.s3, stack, templates)
        # Terraform compares with its state, which does not have what `make watch` deployed.
        redeploy.publish(aws.functions, stack)
        for name in traffic.move_to_newest(aws.functions, names):
            redeploy.delete_old_versions(aws.functions, name)
        # Cold starts here, so that the first order has none.
        list(pool.map(lambda name: traffic.invoke_empty(aws.functions, name, traffic.ALIAS), names))
        seeded.result()


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


def open_console(stack: Stack, port: int | None = None) -> None:
    """Open the console in a browser, or print its URL if there is no display; start it if it does not run.

    Raises:
        StackError: Another `make up` works on the stack, or the port is taken.
    """
    if not processes.alive(stack.running.get("console")):
        with exclusive(stack):
            stack.ports["console"] = port or stack.ports.get("console", _DEFAULT_PORTS["console"][1])
            _start_console(stack)
    _wait_for_sidecar(stack, "console", "console")
    has_display = sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if has_display:
        webbrowser.open(stack.console_url)
    console.print(stack.console_url, soft_wrap=True)


def down(stack: Stack | None = None) -> None:
    """Stop a stack and forget it; mails, logs and downloaded invoices stay on disk.

    Args:
        stack: The stack; None for the one in STACK_DIR, whose processes are stopped even if stack.json cannot be read.
    """
    try:
        stack = stack or stacks.load()
    except StackError:
        stack = Stack(stacks.default_directory())
        for process in processes.find(PROCESS_VARIABLE, str(stack.directory)):
            processes.stop(process)
    if stack.running:
        engines.choose(stack.engine).stop(stack)
    for name in _SIDECARS:
        processes.stop(stack.running.get(name))
    (stack.directory / "stack.json").unlink(missing_ok=True)
