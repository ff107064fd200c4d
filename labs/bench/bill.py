"""What orders cost in AWS: how much of what they use, by the prices of prices.toml."""

from collections.abc import Iterable
from typing import NamedTuple

from labs.bench.prices import prices

RATES = (1, 100, 10_000)
# AWS counts 730 hours a month.
MINUTES = 730 * 60
_SECONDS = MINUTES * 60
# X-Ray's default rule records the first request of each second, and one in twenty of the others.
_TRACED_EACH_SECOND, _TRACED_SHARE = 1, 0.05


class Use(NamedTuple):
    """How much is used of what has a price.

    Args:
        part: of the service, for people.
        price: its name in prices.toml.
        quantity: in the price's units.
    """

    part: str
    price: str
    quantity: float

    @property
    def usd(self) -> float:
        """What it costs."""
        return self.quantity * prices()[self.price].each


class Bill(NamedTuple):
    """All that is used.

    Args:
        order: by each order.
        kept: by each order in each month that it is kept.
        fixed: each month, whether anybody orders or not.
    """

    order: tuple[Use, ...]
    kept: tuple[Use, ...]
    fixed: tuple[Use, ...]

    def million(self) -> float:
        """USD for a million orders, without what is fixed and what is kept."""
        return 1e6 * sum(use.usd for use in self.order)

    def month(self, orders_a_minute: float, months_kept: int = 12) -> dict[str, float]:
        """USD of a month by part.

        Args:
            orders_a_minute: all month.
            months_kept: of such months, whose orders are kept.
        """
        orders = orders_a_minute * MINUTES
        return _sums(
            [
                *(use._replace(quantity=use.quantity * orders) for use in self.order),
                *(use._replace(quantity=use.quantity * orders * months_kept) for use in self.kept),
                *self.fixed,
                Use("traces", "trace", traces(orders_a_minute)),
            ]
        )


def traces(orders_a_minute: float) -> float:
    """The traces that X-Ray records in a month by its default rule."""
    rate = orders_a_minute / 60
    return _SECONDS * (min(rate, _TRACED_EACH_SECOND) + _TRACED_SHARE * max(0.0, rate - _TRACED_EACH_SECOND))


def _sums(uses: Iterable[Use]) -> dict[str, float]:
    found: dict[str, float] = {}
    for use in uses:
        found[use.part] = found.get(use.part, 0) + use.usd
    return found


def order_table(bill: Bill) -> str:
    """What a million orders cost, dearest first, as Markdown."""
    lines = ["| part | used by an order | USD a million orders |", "|---|---|---|"]
    for use in sorted(bill.order, key=lambda use: -use.usd):
        lines.append(f"| {use.part} | {use.quantity:,.4g} {prices()[use.price].unit} | {1e6 * use.usd:,.2f} |")
    return "\n".join([*lines, f"| all | | {bill.million():,.2f} |"]) + "\n"


def month_table(bill: Bill) -> str:
    """What a month costs at each rate, by part, dearest first at the highest, as Markdown."""
    months = [bill.month(rate) for rate in RATES]
    lines = [
        f"| part | {' | '.join(f'{rate:,} a minute' for rate in RATES)} |",
        "|---" * (1 + len(RATES)) + "|",
    ]
    for part in sorted(months[-1], key=lambda part: -months[-1][part]):
        lines.append(f"| {part} | {' | '.join(f'{month[part]:,.2f}' for month in months)} |")
    return "\n".join([*lines, f"| all | {' | '.join(f'{sum(month.values()):,.2f}' for month in months)} |"]) + "\n"
