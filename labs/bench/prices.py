"""What AWS asks in af-south-1 for a unit of each kind of use: prices.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).with_suffix(".toml")


class Price(NamedTuple):
    """A list price.

    Args:
        usd: for `per` units.
        per: units.
        unit: of what.
        as_of: the date of the price list.
        page: where it was read.
    """

    usd: float
    per: int
    unit: str
    as_of: str
    page: str

    @property
    def each(self) -> float:
        """USD for one unit."""
        return self.usd / self.per


@cache
def prices() -> dict[str, Price]:
    """All prices by name."""
    return {name: Price(**price) for name, price in tomllib.loads(_FILE.read_text()).items()}


def table() -> str:
    """The prices as Markdown."""
    lines = ["| price | USD | for | as of | page |", "|---|---|---|---|---|"]
    for name, price in prices().items():
        amount = f"{price.usd:.10f}".rstrip("0").rstrip(".")
        page = f"[{'/'.join(price.page.split('/')[3:5])}]({price.page})"
        lines.append(f"| `{name}` | {amount} | {price.per:,} {price.unit} | {price.as_of} | {page} |")
    return "\n".join(lines) + "\n"
