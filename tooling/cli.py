"""How a command ends: with what it did, or with sentences that say what is wrong and what to do."""

import errno
import io
import locale
import os
import pwd
import re
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from requests import RequestException
from rich.console import Console
from rich.markup import escape

from tooling.paths import ROOT

ADVICE = (
    "Check your identity in AWS (`aws sts get-caller-identity`): the shell must be signed in to the account, with "
    "the permissions of its deployment role."
)


class UserError(Exception):
    """An error that the user can fix: the text says what is wrong, and ends with what to do."""


# Variables of make, shells, Python, pytest, Locust, Node.js, Terraform, git and the language that would change what a
# command and the programs that it starts do. pytest itself tells its workers who they are; the rehearsal names the
# hosted zone, whose id the engine chooses each time.
_NOT_INHERITED = re.compile(
    r"(GNU)?MAKE(FLAGS|FILES|LEVEL|OVERRIDES)|MFLAGS|BASH_ENV|CDPATH|PYTHON.*|VIRTUAL_ENV.*|CONDA_.*|LANG|LANGUAGE|LC_.*"
    r"|PYTEST_(?!CURRENT_TEST$|XDIST_(WORKER|TESTRUNUID)).*|LOCUST_.*|NODE_OPTIONS"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|NAMESPACE|PREFIX|CONFIG.*|ALTERNATE_.*|DEFAULT_HASH"
    r"|TEMPLATE_DIR)"
    r"|TF_(VAR_(?!hosted_zone_id$)|CLI_ARGS|WORKSPACE|DATA_DIR|LOG|REATTACH).*"
)

# Neither the engine nor anything else on this machine is reached through a proxy of the shell.
_NOT_PROXIED = ("127.0.0.1", "localhost", "::1")

# Terraform's plugins make Unix sockets in TMPDIR, whose paths can have some 100 bytes.
_LONGEST_TMPDIR = 80


def run_cli(run: Callable[[], int | None], advice: str) -> int:
    """Run a command in a clean environment; report on standard error why it failed.

    The advice says what to do when AWS, or the engine in its place, refuses a request or does not respond. The exit
    status is that of the command, 1 after an error, 130 after Ctrl-C or SIGTERM, 0 if the reader of its output closed
    the pipe.
    """
    if threading.current_thread() is threading.main_thread():
        # A command that `kill` or `timeout` ends stops as after Ctrl-C: what it has started may finish.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in filter(_NOT_INHERITED.fullmatch, list(os.environ)):
        del os.environ[name]
    if not _takes_sockets(os.environ.get("TMPDIR", "")):
        os.environ.pop("TMPDIR", None)
    os.environ |= {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
    # What a command writes is the same whatever a person's new files are.
    os.umask(0o022)
    os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), _no_proxy())
    encoding = _output_encoding(os.environ.pop("OUTPUT_ENCODING", None))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without ✓ shows a plain character in its place.
            stream.reconfigure(encoding=encoding, errors="replace")
    # Terraform and its provider are Go: 100 MB more memory for a quarter less computing.
    os.environ.setdefault("GOGC", "400")
    try:
        try:
            status = run() or 0
        except SystemExit as error:
            # Typer and rich exit when a pipe is closed.
            if isinstance(error.__context__, BrokenPipeError):
                raise BrokenPipeError from None
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Python flushes once more at its end, and would report the same error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        _report(str(error))
    except (BotoCoreError, ClientError, RequestException) as error:
        # AWS says who may not do what, and on which resource.
        _report(f"{error}\n{advice}")
    except PermissionError as error:
        # Without a file it is no matter of ownership, such as a port below 1024.
        if not isinstance(error.filename, str):
            raise
        _report(f"{error}: {_ownership(error.filename)}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        _report(f"{error}: make room on the disk, or use a folder that can be written, and run the command again")
    except KeyboardInterrupt:
        return 130
    return 1


def _output_encoding(wanted: str | None) -> str | None:
    """The encoding of a terminal: the one that a person wants, else that of the locale; None keeps Python's.

    Only `bin/.run` passes what a person wants, perhaps an empty string: what a command starts writes UTF-8 into pipes.
    """
    if wanted is None:
        return None
    # Without a locale Python writes UTF-8 too.
    found = "utf-8" if locale.setlocale(locale.LC_CTYPE) in ("C", "POSIX") else locale.getencoding()
    for name in (wanted.partition(":")[0], found):
        # Some codecs are not of text, or know no replacement.
        with suppress(LookupError, ValueError):
            "✓".encode(name, "replace")
            return name
    return None


def _no_proxy() -> str:
    """What is reached without a proxy: programs read one of the two spellings, so both get what either names."""
    given = (os.environ.get(name, "") for name in ("NO_PROXY", "no_proxy"))
    names = [name for value in given for name in re.split(r"[,\s]+", value) if name]
    # Python reads * as all only where it stands alone.
    return "*" if "*" in names else ",".join(dict.fromkeys((*names, *_NOT_PROXIED)))


def _takes_sockets(folder: str) -> bool:
    usable = os.path.isabs(folder) and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
    return usable and len(os.fsencode(folder)) <= _LONGEST_TMPDIR


def _ownership(file: str) -> str:
    """Whose a file is, or the folder that would have it, and what to do."""
    path = next(path for path in (Path(file).absolute(), *Path(file).absolute().parents) if os.path.exists(path))
    owner, user = path.stat().st_uid, os.geteuid()
    if owner == user:
        return f"{path} is yours, so change its mode: `chmod -R u+rwX {path}`"
    # A command with sudo leaves more than one file behind.
    taken = ROOT if path.is_relative_to(ROOT) else path
    advice = f"run the command as {_name(owner)}, or make it yours: `sudo chown -R {_name(user)} {taken}`"
    return f"{path} belongs to {_name(owner)}; {advice}"


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _report(text: str) -> None:
    console = Console(file=sys.stderr, highlight=False, emoji=False)
    console.print(f"[red]error:[/] {escape(text)}", soft_wrap=True)
