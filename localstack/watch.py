"""`make watch`: what is saved in functions/, common/ or templates/ is live in the local stack seconds later."""

import time
from datetime import datetime

import watchfiles
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from localstack import engines
from localstack import stack as stacks
from localstack.redeploy import Redeployed, redeploy
from localstack.stack import ADVICE
from localstack.up import console, exclusive
from tooling.cli import UserError
from tooling.paths import ROOT

_FOLDERS = ("functions", "common", "templates")
# Of quiet after a save, in milliseconds: an editor that saves all its files does it within that.
_QUIET_MS = 50
# Of saves without a pause, in milliseconds.
_PATIENCE_MS = 400
# How often the watch looks up from waiting, in milliseconds.
_LOOK_MS = 200
_MAKE_UP_SECONDS = 300


def watch() -> None:
    """Deploy what differs, then what is saved, until Ctrl-C. What does not build or run is told, and is not deployed.

    Raises:
        StackError: there is no stack.
    """
    engines.require()
    saves = watchfiles.watch(
        *(ROOT / name for name in _FOLDERS),
        debounce=_PATIENCE_MS,
        step=_QUIET_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
    )
    # Looked at once before anything is deployed, so that what is saved meanwhile is seen.
    next(saves)
    _deploy()
    console.print(f"watching {', '.join(f'{name}/' for name in _FOLDERS)}; Ctrl-C ends it", soft_wrap=True)
    for changes in saves:
        if changes:
            _deploy()


def _deploy() -> None:
    started = time.monotonic()
    try:
        with exclusive(stacks.load(), _MAKE_UP_SECONDS):
            # As it is now: `make up` may have made it anew.
            done = redeploy(engines.require())
    except UserError as error:
        _refuse(str(error))
    except (BotoCoreError, ClientError) as error:
        _refuse(f"{error}\n{ADVICE}")
    else:
        _tell(done, time.monotonic() - started)


def _tell(done: Redeployed, seconds: float) -> None:
    for reason in done.refused:
        _refuse(reason)
    changed = [*done.templates, *done.functions]
    if changed:
        console.print(f"[green]✓[/] {_now()} {', '.join(changed)} [dim]{seconds:.1f} s[/]", soft_wrap=True)


def _refuse(reason: str) -> None:
    console.print(f"[red]✗[/] {_now()} {escape(reason)} [dim](what was live stays)[/]", soft_wrap=True)


def _now() -> str:
    return f"[dim]{datetime.now():%H:%M:%S}[/]"
