"""Patches MiniStack and serves until stopped."""

import sys
from importlib import import_module
from pathlib import Path

# Run by its path and without PYTHONPATH, which the functions that the engine starts would inherit.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ministack import app

from localstack.ministack_patches import patching

if __name__ == "__main__":
    for module in sorted(Path(__file__).parent.glob("[!_]*.py")):
        import_module(f"localstack.ministack_patches.{module.stem}")
    patching.apply()
    app.main()
