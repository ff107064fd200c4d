"""Serves the console to this machine until stopped: `python -m localstack.console PORT FOLDER` (of the stack)."""

import sys
from pathlib import Path

import uvicorn

from localstack.console.app import Console
from localstack.console.live import StackFinder

if __name__ == "__main__":
    app = Console(StackFinder(Path(sys.argv[2]))).app()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)
