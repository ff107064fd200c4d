"""`python -m localstack.console --port 4573 --directory build/local`: serves the console until stopped."""

import argparse
from pathlib import Path

import uvicorn

from localstack.console.app import Console
from localstack.console.live import StackFinder


def main() -> None:
    """Serve to this machine only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="directory of the stack")
    arguments = parser.parse_args()
    app = Console(StackFinder(arguments.directory)).app()
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
