"""Runs the functions of the embedded engine from this tree: a save restarts processes, nothing is packaged."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from localstack import claims, redeploy
from localstack.engines.ministack import harness
from localstack.redeploy import Redeployed
from localstack.stack import Stack, StackError
from release.packaging import build
from tooling.paths import ROOT
from tooling.polling import poll

_CLAIM_SECONDS = 30
# A process keeps the templates that it has read.
_READS_TEMPLATES = "common.templates"


@contextmanager
def run_tree(stack: Stack) -> Iterator[None]:
    """Let the functions run from this tree once `restart` starts them; afterwards the engine runs their packages.

    Raises StackError: another command does.
    """
    with exclusive_claim(stack.tree_file, str(ROOT), "`make watch`"):
        yield


@contextmanager
def exclusive_claim(file: Path, content: str, command: str) -> Iterator[None]:
    """Claim a file of the stack for this command.

    Raises:
        StackError: another process of the command claims it.
        DeadlineError: the engine needs too long to end what an earlier process ran.
    """

    def attempt() -> claims.Claim | None:
        try:
            return claims.Claim(file, content)
        except BlockingIOError:
            if claims.claimed(file) is None:
                return None
            running = f"another {command} runs on the stack in {file.parent}: end it with Ctrl-C"
            raise StackError(running) from None

    held = poll(f"the engine has ended what an earlier {command} ran", attempt, _CLAIM_SECONDS)
    with held:
        yield


def source_of(stack: Stack) -> str | None:
    """The folder of the tree that the functions run from; None if they run their packages."""
    return claims.claimed(stack.tree_file)


def restart(stack: Stack, saved: Collection[Path] | None) -> Redeployed:
    """Restart the functions that saved files concern, all without files, and upload changed templates.

    Raises StackError: a template is not Jinja2, or the stack runs a release or lacks a function.
    """
    redeploy.require_tree(stack)
    uploaded = redeploy.upload_templates(stack) if saved is None or any(map(_is_template, saved)) else []
    modules = None
    if saved is not None:
        modules = [_module(path) for path in saved if path.suffix == ".py"] + [_READS_TEMPLATES] * bool(uploaded)
    errors: dict[str, str | None] = harness(stack, "tree", {"modules": modules})
    folders = {name: folder for folder, name in stack.outputs["function_names"].items()}
    started = sorted(folders[name] for name, error in errors.items() if error is None and name in folders)
    failed = filter(None, errors.values())
    return Redeployed(started, uploaded, sorted({blame(traceback) for traceback in failed}))


def blame(traceback: str) -> str:
    """Reduce the traceback of a function that runs from this tree to the last line of our own code, and the error."""
    return redeploy.blame(traceback.replace(f"{ROOT}/", ""), build.function_names())


def _is_template(path: Path) -> bool:
    return path.is_relative_to(ROOT / "templates")


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
