"""`bin/ops stack preview`: writes the previews, serves them and renders them again after each change."""

import os
import shlex
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from watchfiles import PythonFilter, run_process
from watchfiles.main import FileChange

from common.templates import PACKAGED
from localstack import processes
from localstack.browser import BrowserError
from localstack.preview import pictures
from localstack.preview.book import BOOK, Book
from localstack.stack import StackError
from tooling.paths import ROOT

SOURCES = (PACKAGED, ROOT / "common", Path(__file__).parent)
RENDER = f"{shlex.quote(sys.executable)} -m localstack.preview.server"
_STEP_MILLISECONDS = 50


class _Files(SimpleHTTPRequestHandler):
    """Serves files that the browser must not cache."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def serve(port: int, folder: Path, sources: Sequence[Path], command: str) -> None:
    """Serve the previews to this machine until interrupted.

    Args:
        port: Port of the page.
        folder: Folder with the previews.
        sources: Folders to watch.
        command: Renders the previews; run at the start and after each change, in a new process that loads the code.
    """
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Files, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # PythonFilter ignores what editors and Python write next to a file; templates are not Python.
    watched = PythonFilter(extra_extensions=(".html", ".txt", ".css", ".ttf", ".conf"))
    try:
        run_process(*sources, target=command, watch_filter=watched, step=_STEP_MILLISECONDS, callback=_print_changes)
    finally:
        server.shutdown()


def _print_changes(changes: set[FileChange]) -> None:
    print(f"changed: {', '.join(sorted({os.path.relpath(path, ROOT) for _, path in changes}))}", flush=True)


def _write_once() -> int:
    started, book = time.monotonic(), Book()
    try:
        book.write()
    except Exception:  # samples and code may have any mistake
        failure = traceback.format_exc()
        book.write_failure(failure)
        print(failure, file=sys.stderr)
        return 1
    for line in [*book.errors, *book.problems]:
        print(line, file=sys.stderr)
    print(f"wrote {os.path.relpath(BOOK / 'index.html')}, {time.monotonic() - started:.1f} s", flush=True)
    taken = book.take_pictures()
    print(f"took the pictures of {taken} of {len(book.entries)} pages, {time.monotonic() - started:.1f} s", flush=True)
    return 1 if book.errors else 0


def _accept() -> int:
    for name in pictures.accept():
        print(f"tests/visual/{name}.png has changed: look at it before you commit it")
    return 0


def _serve(port: int) -> int:
    if processes.listens(port):
        raise StackError(
            f"port {port} is taken by {processes.owner(port)}: stop it, or choose another port with --port"
        )
    Book().begin()
    print(
        f"\nhttp://127.0.0.1:{port}/ shows the previews and follows templates and samples; Ctrl-C stops it", flush=True
    )
    serve(port, BOOK, SOURCES, RENDER)
    return 0


def run(port: int, once: bool = False, accept: bool = False) -> int:
    """Write the previews once, accept the pictures, or serve the previews.

    Returns:
        Exit status.
    """
    try:
        return _write_once() if once else _accept() if accept else _serve(port)
    except (BrowserError, StackError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(run(0, once=True))
