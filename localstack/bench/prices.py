"""What AWS asks for a unit of each kind of use: prices.toml."""

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
        region: that it is of.
        verified: whether it was given for af-south-1.
        as_of: the date that its page gives.
        page: where it was read.
    """

    usd: float
    per: int
    unit: str
    region: str
    verified: bool
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
    """The prices as Markdown; those that are not of af-south-1 say so."""
    lines = ["| price | USD | for | of | as of | page |", "|---|---|---|---|---|---|"]
    for name, price in prices().items():
        where = price.region if price.verified else f"{price.region}, **not verified for af-south-1**"
        amount = f"{price.usd:.10f}".rstrip("0").rstrip(".")
        page = f"[{price.page.split('/')[2]}]({price.page})"
        lines.append(f"| `{name}` | {amount} | {price.per:,} {price.unit} | {where} | {price.as_of} | {page} |")
    return "\n".join(lines) + "\n"
