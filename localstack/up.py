"""`make up`: from a clone to a stack that takes orders; what is there already is kept, what is broken is repaired."""

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

from localstack import apply_check, engines, processes, redeploy, seed, warm
from localstack.aws import Aws
from localstack.stack import Stack, StackError
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

# A file, such as CI's log, has no width; 80 columns would break the rows of a table.
console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 150)


def shown(path: Path) -> str:
    """A path for people: from where they are."""
    return os.path.relpath(path)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show a step while it runs, and how long it took."""
    started = time.monotonic()
    with console.status(name):
        yield
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")


@contextmanager
def exclusive(stack: Stack, seconds: float = 0) -> Iterator[None]:
    """Keep others from changing the same stack: another `make up`, or what `make watch` deploys.

    Args:
        stack: that is changed.
        seconds: to wait for others to end.

    Raises:
        StackError: they have not.
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
    log = stack.logs_dir / f"{name}.log"
    stack.running[name] = processes.start(command, log, os.environ, ROOT)
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
    """Start the Cart service, if it does not run."""
    tls = stack.certificates
    options = ("--certificate", tls.certificate, "--key", tls.key) if tls else ()
    _start_sidecar(stack, "cart_stub", "cart", *options)


def _start(stack: Stack, engine: engines.Engine) -> None:
    start_cart_stub(stack)
    _start_sidecar(stack, "mail_catcher", "smtp", "--directory", str(stack.mail_dir))
    # It is not needed before all else is up, so nothing waits for it.
    _start_console(stack)
    if stack.proxy_url:
        _start_sidecar(stack, "fault_proxy", "proxy", "--engine", stack.endpoint, "--cart", stack.cart_url)
    if stack.issuer_url:
        _start_sidecar(stack, "issuer", "issuer", "--key-file", str(stack.directory / "issuer.pem"))
    if engine.healthy(stack) and stack.outputs:
        return
    # An engine that stopped has lost its state and Terraform's with it, and one whose first apply was cut off holds
    # what Terraform does not know of: all is made anew.
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
        stack: as it was last known.
        engine_name: embedded, localstack, or None to choose.
        free_ports: whether to take any free ports, for a stack beside another.
        release: folder of a release, whose bytes are run; None to build those of this tree.
        faults: whether functions reach everything through a proxy that can put faults in the way.
        issuer: whether tokens are those of the harness's issuer even where the engine has Cognito.
        ports: Chosen ports, by use: engine, cart, smtp, console.

    Raises:
        ManifestError: the folder is not the release that was made.
        StackError: it cannot be brought up; the text says why and what to do.
        BuildError: a package could not be built.
        TrafficError: a new version of a function does not run; the old one goes on.
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
        unlike = apply_check.reason(stack)
        with step("Packages and providers" if unlike else "Packages"), ThreadPoolExecutor(max_workers=1) as pool:
            packages = pool.submit(build.build_all if release is None else list[str])
            if unlike:
                _prepare(stack)
            built = packages.result()
        if built:
            console.print(f"  built {', '.join(built)}", soft_wrap=True)
        if unlike:
            _apply(stack, unlike)
        try:
            with step("Templates, users, traffic to the new versions"):
                _finish(stack, templates)
        except TrafficError:
            # It is asked for again the next time, and Terraform has no part in it.
            apply_check.note(stack)
            raise
        apply_check.note(stack)
        _wait_for_sidecar(stack, "console", "console")
    console.print(f"\nThe stack is up after {time.monotonic() - started:.0f} s.")


def _prepare(stack: Stack) -> None:
    terraform = LocalTerraform(stack)
    terraform.prepare_backend()
    terraform.init()


def _apply(stack: Stack, reason: str) -> None:
    again = stack.applied is not None
    # As long as it works nobody knows how the stack is.
    stack.applied = None
    stack.save()
    name = f"Terraform apply ({reason})" if again else "Terraform apply"
    # Terraform waits most of the time, and a function that it has made can have its imports meanwhile.
    with step(name), warm.as_they_come(Aws(stack.endpoint).functions):
        stack.outputs = LocalTerraform(stack).apply()
        stack.save()


def _finish(stack: Stack, templates: Mapping[str, bytes]) -> None:
    """Put there what Terraform does not, or was not asked for, and give the traffic to what runs."""
    aws, names = Aws(stack.endpoint), stack.outputs["function_names"].values()
    with ThreadPoolExecutor(max_workers=8) as pool:
        seeded = pool.submit(seed.seed, stack)
        # First: the new versions' processes read them anew.
        redeploy.put_templates(aws.s3, stack, templates)
        # Terraform remembers what it put there, not what `make watch` put in its place.
        redeploy.publish(aws.functions, stack)
        for name in traffic.move_to_newest(aws.functions, names):
            redeploy.forget(aws.functions, name)
        # The first call of a process waits for imports; better here than in the first order.
        list(pool.map(lambda name: traffic.invoke_empty(aws.functions, name, traffic.ALIAS), names))
        seeded.result()


def explain(stack: Stack) -> None:
    """Say where the stack is and what to do next."""
    console.print(
        f"""
  API       {stack.api_url}
  token     bin/ops stack token {seed.users()[0]["email"]}
  mails     {shown(stack.mail_dir)}
  console   {stack.console_url}

Next: [bold]make order[/] places one and shows its way, [bold]make e2e[/] tests everything,
[bold]make logs FUNCTION=create_order[/] shows what a function logged, [bold]make down[/] stops.""",
        soft_wrap=True,
    )


def open_console(stack: Stack, port: int | None = None) -> None:
    """Open the console in a browser, or print its address where there is no display; start it if it does not run.

    Raises:
        StackError: another `make up` works on the stack, or the port is taken.
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


def down(stack: Stack) -> None:
    """Stop a stack and forget it; mails, logs and invoices fetched stay on disk."""
    if stack.running:
        engines.choose(stack.engine).stop(stack)
    for name in _SIDECARS:
        processes.stop(stack.running.get(name))
    (stack.directory / "stack.json").unlink(missing_ok=True)
