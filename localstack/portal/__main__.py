"""Serves the demo portal to this machine until stopped: `python -m localstack.portal PORT FOLDER` (of the stack)."""

import sys
from pathlib import Path

import uvicorn

from localstack.portal.app import app

if __name__ == "__main__":
    portal = app(Path(sys.argv[2]))
    uvicorn.run(portal, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)
