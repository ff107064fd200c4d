"""Where the repository is on this machine."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
# Users, carts and orders of the local stack.
FIXTURES: Final = ROOT / "fixtures"
# Stylesheet of every page that the tooling makes.
BASE_CSS: Final = ROOT / "tooling" / "base.css"
