"""`python -m localstack.console --port 4573 --directory build/local`: serves until stopped."""

import argparse
from pathlib import Path

import uvicorn

from localstack.console.app import create

# A browser that watches would keep the process for ever.
_LEAVE_SECONDS = 1


def main() -> None:
    """Serve until stopped, to this machine only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="of the stack")
    arguments = parser.parse_args()
    uvicorn.run(
        create(arguments.directory),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )


if __name__ == "__main__":
    main()
