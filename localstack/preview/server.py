"""The book over HTTP on this machine only; a change of what it shows is made and the browser told."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from watchfiles import PythonFilter, awatch

from common.templates import PACKAGED
from localstack.preview.book import BOOK, VERSION
from tooling.paths import ROOT

HOST = "127.0.0.1"
_STEP_MILLISECONDS = 50
_GRACE_SECONDS = 1


class Fresh(StaticFiles):
    """Files that a browser asks for each time."""

    def file_response(self, *arguments: object, **options: object) -> object:  # type: ignore[override]
        response = super().file_response(*arguments, **options)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-store"
        return response


async def _remake(sources: list[Path]) -> None:
    """Make the book now and after each change, in a process of its own, which reads code and samples as they are."""
    # PythonFilter leaves out what editors and Python write beside a file; templates are not Python.
    ignored = PythonFilter(extra_extensions=(".html", ".txt", ".css", ".ttf", ".conf"))
    one_by_one = anyio.Lock()

    async def make() -> None:
        async with one_by_one:
            await anyio.run_process(command(), stdout=None, stderr=None, check=False)

    async with anyio.create_task_group() as tasks:
        # Beside the watching, so that what is saved meanwhile is seen.
        tasks.start_soon(make)
        async for changes in awatch(*sources, watch_filter=ignored, step=_STEP_MILLISECONDS):
            names = sorted({os.path.relpath(path, ROOT) for _, path in changes})
            print(f"changed: {', '.join(names)}", flush=True)
            await make()


def command() -> list[str]:
    """The command that makes the book once."""
    return [sys.executable, "-m", "localstack.preview"]


async def _versions(folder: Path) -> AsyncIterator[str]:
    """The version of the book, now and whenever it is another."""
    sent = ""
    while True:
        with suppress(FileNotFoundError):
            version = (folder / VERSION).read_text()
            if version and version != sent:
                sent = version
                yield f"data: {version}\n\n"
        async for _ in awatch(folder, watch_filter=lambda _, path: Path(path).name == VERSION, recursive=False):
            break


def application(folder: Path = BOOK, sources: list[Path] | None = None) -> Starlette:
    """The book as an application; with sources, it is made at the start and when they change."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            if sources:
                tasks.start_soon(_remake, sources)
            yield
            tasks.cancel_scope.cancel()

    async def events(_: Request) -> StreamingResponse:
        return StreamingResponse(
            _versions(folder), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    routes = [Route("/events", events), Mount("/", Fresh(directory=folder, html=True))]
    return Starlette(routes=routes, lifespan=lifespan)


def serve(port: int) -> None:
    """Serve the book until interrupted."""
    sources = [PACKAGED, ROOT / "common", Path(__file__).parent]
    uvicorn.run(
        application(sources=sources),
        host=HOST,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
