"""`bin/ops stack preview`: writes the previews, serves them and renders them again after each change."""

import os
import shlex
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from watchfiles import PythonFilter, run_process
from watchfiles.main import FileChange

from common.templates import PACKAGED
from localstack import processes
from localstack.preview import book
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

    A new process, which loads the code, runs `command` at the start and after each change in `sources`.
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
    started = time.monotonic()
    try:
        results = book.write()
    except Exception:  # samples and code may have any mistake
        failure = traceback.format_exc()
        book.write_index(book.BOOK, {}, failure)
        print(failure, file=sys.stderr)
        return 1
    for preview, result in results.items():
        for text in [result.error, *result.problems]:
            if text:
                print(f"{preview.slug}: {text}", file=sys.stderr)
    print(f"wrote {os.path.relpath(book.BOOK / 'index.html')}, {time.monotonic() - started:.1f} s", flush=True)
    return int(any(result.error for result in results.values()))


def run(port: int, once: bool = False) -> int:
    """Write the previews once, or serve them until interrupted; returns the exit status.

    Raises StackError: The port is taken.
    """
    if once:
        return _write_once()
    if processes.listens(port):
        raise StackError(
            f"port {port} is taken by {processes.owner(port)}: stop it, or choose another port with --port"
        )
    book.begin()
    print(
        f"\nhttp://127.0.0.1:{port}/ shows the previews and follows templates and samples; Ctrl-C stops it", flush=True
    )
    with suppress(KeyboardInterrupt):
        serve(port, book.BOOK, SOURCES, RENDER)
    return 0


if __name__ == "__main__":
    sys.exit(run(0, once=True))
