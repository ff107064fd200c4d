"""`bin/ops stack preview`: writes the previews, serves them, or accepts their pictures."""

import sys
import time
import traceback

from localstack import processes
from localstack.browser import BrowserError
from localstack.preview import reviewed
from localstack.preview.book import BOOK, Book
from localstack.preview.server import HOST, serve
from localstack.stack import StackError
from localstack.up import shown


def _once() -> int:
    started, book = time.monotonic(), Book()
    try:
        book.write()
    except Exception:  # the samples may hold any mistake
        failure = traceback.format_exc()
        book.write_failure(failure)
        print(failure, file=sys.stderr)
        return 1
    for line in [*book.errors, *book.problems]:
        print(line, file=sys.stderr)
    print(f"wrote {shown(BOOK / 'index.html')}, {time.monotonic() - started:.1f} s", flush=True)
    try:
        drawn = book.draw()
    except BrowserError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"took the pictures of {drawn} of {len(book.entries)} pages, {time.monotonic() - started:.1f} s", flush=True)
    return 1 if book.errors else 0


def _accept() -> int:
    for name in reviewed.accept():
        print(f"tests/visual/{name}.png is another: look at it before you commit it")
    return 0


def _serve(port: int) -> int:
    if processes.listens(port):
        raise StackError(
            f"port {port} is taken by {processes.owner(port)}: stop it, or choose another port with "
            "`make preview PORT=…`"
        )
    Book().begin()
    print(
        f"\nhttp://{HOST}:{port}/ shows the previews and follows templates/ and localstack/preview/; Ctrl-C ends it.",
        flush=True,
    )
    serve(port)
    return 0


def run(port: int, once: bool = False, accept: bool = False) -> int:
    """Write the previews and serve them; return the exit status.

    Args:
        port: Port of the page.
        once: Only write build/preview.
        accept: Only accept the pictures as they are now.
    """
    try:
        return _once() if once else _accept() if accept else _serve(port)
    except (BrowserError, StackError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    # The server writes the previews in a process of its own, which reads the changed code.
    sys.exit(run(0, once=True))
