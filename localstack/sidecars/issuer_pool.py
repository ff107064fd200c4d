"""The pool that the issuer of tokens stands for; the engine knows it too, and its environment has little more."""

from typing import Final

REGION: Final = "af-south-1"
ISSUER_POOL: Final = f"{REGION}_issuer"
