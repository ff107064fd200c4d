"""`make watch`: deploys what is saved in functions/, common/ or templates/ to the local stack within seconds."""

import time
from datetime import datetime

import watchfiles
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from localstack import engines
from localstack import stack as stacks
from localstack.redeploy import redeploy
from localstack.stack import ADVICE
from localstack.up import console, exclusive
from tooling.cli import UserError
from tooling.paths import ROOT

_FOLDERS = ("functions", "common", "templates")
_MAKE_UP_SECONDS = 300


def watch() -> None:
    """Deploy what differs, then what is saved, until Ctrl-C, but not what does not build or run; report that.

    Raises StackError if there is no stack.
    """
    engines.require()
    saves = watchfiles.watch(
        *(ROOT / name for name in _FOLDERS),
        # Deploy after a pause of 50 ms, since an editor saves all its files without one, or after 400 ms of saves.
        step=50,
        debounce=400,
        # Check for Ctrl-C every 200 ms.
        rust_timeout=200,
        yield_on_timeout=True,
    )
    # The watch starts before the first deployment, so that it sees what is saved meanwhile.
    next(saves)
    _deploy()
    console.print(f"watching {', '.join(f'{name}/' for name in _FOLDERS)}; press Ctrl-C to stop", soft_wrap=True)
    for changes in saves:
        # Ends with the stack.
        stacks.require()
        if changes:
            _deploy()


def _deploy() -> None:
    started = time.monotonic()
    try:
        with exclusive(stacks.load(), _MAKE_UP_SECONDS):
            # Loaded each time, since `make up` may have replaced the stack.
            done = redeploy(engines.require())
    except UserError as error:
        _refuse(str(error))
    except (BotoCoreError, ClientError) as error:
        _refuse(f"{error}\n{ADVICE}")
    else:
        for reason in done.refused:
            _refuse(reason)
        if changed := [*done.templates, *done.functions]:
            _report("[green]✓[/]", ", ".join(changed), f"{time.monotonic() - started:.1f} s")


def _report(mark: str, text: str, remark: str) -> None:
    console.print(f"{mark} [dim]{datetime.now():%H:%M:%S}[/] {escape(text)} [dim]{remark}[/]", soft_wrap=True)


def _refuse(reason: str) -> None:
    _report("[red]✗[/]", reason, "(the live version stays)")
