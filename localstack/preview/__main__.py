"""`python -m localstack.preview`: what `make preview` calls."""

import argparse
import os
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

_DEFAULT_PORT = 4574


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


def _serve() -> int:
    given = os.environ.get("PREVIEW_PORT") or str(_DEFAULT_PORT)
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 65_535):
        raise StackError(f"PREVIEW_PORT is {given!r}; it must be a port, 1 to 65535")
    if processes.listens(int(given)):
        raise StackError(
            f"port {given} is taken by {processes.owner(int(given))}: stop it, or choose another port with "
            "`make preview PREVIEW_PORT=…`"
        )
    Book().begin()
    print(
        f"\nhttp://{HOST}:{given}/ shows the previews and follows templates/ and localstack/preview/; Ctrl-C ends it.",
        flush=True,
    )
    serve(int(given))
    return 0


def main() -> int:
    """Write the book, and serve it if not told otherwise."""
    parser = argparse.ArgumentParser(prog="python -m localstack.preview")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--once", action="store_true", help="only write build/preview")
    choice.add_argument("--accept", action="store_true", help="take what is drawn now as the reviewed pictures")
    options = parser.parse_args()
    try:
        return _once() if options.once else _accept() if options.accept else _serve()
    except (BrowserError, StackError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
