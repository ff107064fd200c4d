"""`make watch`: what is saved in functions/, common/ or templates/ runs on the local stack at once."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import watchfiles
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from localstack import engines, redeploy
from localstack import stack as stacks
from localstack.engines.ministack import MiniStack
from localstack.run_tree import restart, run_tree
from localstack.stack import ADVICE, Stack
from localstack.up import console, exclusive
from tooling.cli import UserError
from tooling.paths import ROOT

_FOLDERS = ("functions", "common", "templates")
_MAKE_UP_SECONDS = 300


def watch() -> None:
    """Run what is saved until Ctrl-C, but not what does not build or run; report that.

    The functions of the embedded engine run from this tree until then; elsewhere each save is packaged and deployed.

    Raises StackError if there is no stack, or it runs a release.
    """
    stack = engines.require()
    redeploy.require_tree(stack)
    saves = watchfiles.watch(
        *(ROOT / name for name in _FOLDERS),
        # Act after a pause of 50 ms, since an editor saves all its files without one, or after 400 ms of saves.
        step=50,
        debounce=400,
        # Check for Ctrl-C every 200 ms.
        rust_timeout=200,
        yield_on_timeout=True,
    )
    # The watch starts before the functions do, so that it sees what is saved meanwhile.
    next(saves)
    with _from_tree(stack):
        _run(None)
        console.print(f"watching {', '.join(f'{name}/' for name in _FOLDERS)}; press Ctrl-C to stop", soft_wrap=True)
        engine = stack.running.get("engine")
        for changes in saves:
            # Ends with the stack.
            running = stacks.require().running.get("engine")
            if running != engine:
                # `make reset` or `make up` has started another one.
                _run(None)
            elif changes:
                _run({Path(path) for _, path in changes})
            engine = running


@contextmanager
def _from_tree(stack: Stack) -> Iterator[None]:
    if stack.engine != MiniStack.name:
        yield
        return
    with run_tree(stack):
        try:
            yield
        finally:
            console.print("the functions run their packages again; `make up` packages what you saved", soft_wrap=True)


def _run(saved: Collection[Path] | None) -> None:
    started = time.monotonic()
    try:
        with exclusive(stacks.load(), _MAKE_UP_SECONDS):
            # Loaded each time, since `make up` may have replaced the stack.
            stack = engines.require()
            done = restart(stack, saved) if stack.engine == MiniStack.name else redeploy.redeploy(stack)
    except UserError as error:
        _refuse(str(error))
    except (BotoCoreError, ClientError) as error:
        _refuse(f"{error}\n{ADVICE}")
    else:
        for reason in done.refused:
            _refuse(reason)
        if changed := [*done.templates, *done.functions]:
            _report("[green]✓[/]", ", ".join(changed), f"{time.monotonic() - started:.2f} s")


def _report(mark: str, text: str, remark: str) -> None:
    console.print(f"{mark} [dim]{datetime.now():%H:%M:%S}[/] {escape(text)} [dim]{remark}[/]", soft_wrap=True)


def _refuse(reason: str) -> None:
    _report("[red]✗[/]", reason, "(the last good version still runs)")
