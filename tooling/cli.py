"""How a command ends: with what it did, or with sentences that say what is wrong and what to do."""

import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError
from requests import RequestException
from rich.console import Console
from rich.markup import escape

ADVICE = (
    "Ask AWS whom it takes you for (`aws sts get-caller-identity`): the shell must be signed in to the account, with "
    "the rights of its deployment role."
)


class UserError(Exception):
    """Something that people can mend: the text says what is wrong, and ends with what to do."""


def run_cli(run: Callable[[], int | None], advice: str) -> int:
    """Run a command, and tell on standard error why it failed.

    Args:
        run: the command; returns its exit status, or None for 0.
        advice: what to do when AWS, or the engine in its place, refuses or does not answer.

    Returns:
        The exit status: 1 after an error, 130 after Ctrl-C.
    """
    try:
        return run() or 0
    except UserError as error:
        _tell(str(error))
    except (BotoCoreError, ClientError, RequestException) as error:
        # AWS says who may not do what, and on which resource.
        _tell(f"{error}\n{advice}")
    except KeyboardInterrupt:
        return 130
    return 1


def _tell(text: str) -> None:
    console = Console(file=sys.stderr, highlight=False, emoji=False)
    console.print(f"[red]error:[/] {escape(text)}", soft_wrap=True)
