"""Runs GitHub's workflows on this machine with `act`, shows each step as it ends, and keeps what it printed."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from rich.markup import escape

from labs.rehearsal.shell import MARK, PROGRAMS
from labs.rehearsal.workflows import Step, Workflows
from localstack.stack import StackError
from localstack.up import console
from tooling.machine import TOOL_VENVS

PROGRAM: Final = TOOL_VENVS["act"] / "bin" / "act"
STAND_INS: Final = Path(__file__).parent / "actions"
DEADLINE_SECONDS: Final = 1_500.0
# For act to end its jobs after an interrupt, before they are killed.
_GRACE_SECONDS = 60.0
# Lines of a failed step that an error has.
_SHOWN = 40
# All that the jobs get of the shell: where programs are, and how packages are downloaded.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYENV_ROOT", "CHROMIUM", "DOCKER_HOST", "TF_PLUGIN_MIRROR")
_KEPT_BEGINNINGS = ("PIP_", "UV_", "SSL_CERT_", "REQUESTS_CA_")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What jobs get of a shell's environment variables."""
    return {
        name: value
        for name, value in variables.items()
        if name in _KEPT or name.startswith(_KEPT_BEGINNINGS) or name.lower() in _PROXIES
    }


class Ended(NamedTuple):
    """A step that has ended: the environment of its matrix, how it ended, after how many seconds, and if left out."""

    step: Step
    environment: str
    result: str
    seconds: float
    left_out: bool


@dataclass
class Outcome:
    """A run of a workflow that has ended.

    Args:
        outputs: What each job's steps printed, by the job's name in its file.
        failures: Each failed step with its last lines.
    """

    workflow: str
    status: int
    ended: list[Ended] = field(default_factory=list)
    outputs: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def ran(self) -> set[Step]:
        """The steps that ran, successful or not."""
        return {each.step for each in self.ended if not each.left_out}

    @property
    def output(self) -> str:
        """What all steps printed."""
        return "\n".join(map(self.output_of, self.outputs))

    def output_of(self, job: str) -> str:
        """What a job's steps printed."""
        return "\n".join(self.outputs.get(job, []))

    def seconds_of(self, job: str) -> float:
        """How long a job's steps took."""
        return sum(each.seconds for each in self.ended if each.step.job == job)

    def checked(self) -> "Outcome":
        """Itself. Raises StackError: a step failed; the text has its last lines."""
        if self.status:
            raise StackError(f"{self.workflow} failed\n" + "\n".join(self.failures or [self.output[-4_000:]]))
        return self


def read(workflows: Workflows, outcome: Outcome, lines: Iterator[str]) -> Iterator[str]:
    """Read act's log in JSON into an outcome; yields what it says line by line, for people."""
    printed: dict[tuple[str, str], list[str]] = {}
    left_out: set[tuple[str, str]] = set()
    for line in lines:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            yield line.rstrip()
            continue
        job, ids, text = event.get("job", "").strip(), event.get("stepID", []), event.get("msg", "").rstrip()
        yield f"{job}: {text}"
        # A called workflow has the calling job in front.
        names = job.split("/")
        workflow = names[0] if names[0] == outcome.workflow else names[1] if len(names) > 2 else ""
        step = workflows.step(workflow, event.get("jobID", ""), ids) if event.get("stage") == "Main" else None
        if event.get("raw_output"):
            outcome.outputs.setdefault(event["jobID"], []).append(text)
            for depth in range(1, len(ids) + 1):
                printed.setdefault((job, "/".join(ids[:depth])), []).append(text)
            if text.startswith(MARK):
                # What a stand-in leaves out is the step that it stands for.
                left_out.add((job, "/".join(each for each in ids if each != "stand-in")))
        if step is None:
            continue
        result = event.get("stepResult")
        if result in ("success", "failure"):
            environment, key = (event.get("matrix") or {}).get("environment", ""), (job, "/".join(ids))
            outcome.ended.append(Ended(step, environment, result, event.get("executionTime", 0) / 1e9, key in left_out))
            if result == "failure":
                last = printed.get(key, [])[-_SHOWN:]
                outcome.failures.append("\n".join([f"{step}:", *last]))


class Act:
    """Runs workflows of a working tree.

    Args:
        tree: Working tree with a copy of the workflows for act.
        variables: Environment variables of every job.
        cart_url: The variable E2E_CART_URL of GitHub.
    """

    def __init__(
        self,
        workflows: Workflows,
        tree: Path,
        runner: Path,
        variables: Mapping[str, str],
        secret: str,
        cart_url: str,
    ) -> None:
        self._workflows, self._tree = workflows, tree
        self._environment = clean_environment(os.environ)
        self._environment["PATH"] = os.pathsep.join([str(PROGRAMS), self._environment["PATH"]])
        # act reads and writes settings in its home folder; the jobs have that of the shell.
        variables = {**variables, "HOME": self._environment["HOME"]}
        self._environment["HOME"] = str(runner)
        runners = (("--platform", f"{label}=-self-hosted") for label in sorted(workflows.runners()))
        actions = (("--local-repository", f"{each}={STAND_INS / _name(each)}") for each in sorted(workflows.actions()))
        self._options = [
            *("--directory", str(tree), "--action-cache-path", str(runner), "--json"),
            *("--action-offline-mode", "--no-cache-server", "--no-skip-checkout", "--concurrent-jobs", "4"),
            *("--secret", f"GITHUB_TOKEN={secret}", "--var", f"E2E_CART_URL={cart_url}"),
            *(word for pair in (*runners, *actions) for word in pair),
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
        ]

    def run(self, workflow: str, event: str, number: int, inputs: Mapping[str, str], log: Path) -> Outcome:
        """Run a workflow to its end, successful or not; StackError if it takes too long."""
        outcome = Outcome(workflow, 0)
        command = [
            *(str(PROGRAM), event, *self._options, "--workflows", f".github/workflows/{workflow}.yml"),
            *("--env", f"GITHUB_RUN_ID={number}"),
            *(word for name, value in inputs.items() for word in ("--input", f"{name}={value}")),
        ]
        log.parent.mkdir(parents=True, exist_ok=True)

        def show(lines: Iterator[str]) -> None:
            shown = 0
            for line in read(self._workflows, outcome, lines):
                kept.write(f"{line}\n")
                kept.flush()
                for ended in outcome.ended[shown:]:
                    _show(ended)
                shown = len(outcome.ended)

        with log.open("w") as kept:
            outcome.status = stream(workflow, command, self._environment, DEADLINE_SECONDS, show)
        return outcome


def stream(
    what: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    seconds: float,
    read_lines: Callable[[Iterator[str]], None],
) -> int:
    """Run a program, hand on its lines as they come, and return its status.

    Raises StackError: it took longer, and was interrupted.
    """
    expired = threading.Event()
    # Without a session of its own: Ctrl-C on the terminal ends it, although the thread that waits here does not get it.
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def interrupt() -> None:
            expired.set()
            process.send_signal(signal.SIGINT)

        timers = [threading.Timer(seconds, interrupt), threading.Timer(seconds + _GRACE_SECONDS, _kill, [process])]
        for timer in timers:
            timer.start()
        try:
            read_lines(iter(process.stdout or ()))
            process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                _kill(process)
            raise
        finally:
            for timer in timers:
                timer.cancel()
    if expired.is_set():
        raise StackError(f"{what}: not finished after {seconds:g} s")
    return process.returncode


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
    process.kill()


def _name(action: str) -> str:
    return action.partition("@")[0].partition("/")[2]


def _show(ended: Ended) -> None:
    # Steps of our own action are shown as one.
    if ended.step.job and not ended.left_out:
        mark = "[green]✓[/]" if ended.result == "success" else "[red]✗[/]"
        name = escape(f"{ended.step}{f' ({ended.environment})' if ended.environment else ''}")
        console.print(f"{mark} {name} [dim]{ended.seconds:.1f} s[/]", soft_wrap=True, highlight=False)
