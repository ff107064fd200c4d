"""What can be ordered can be invoiced: the largest orders within half the time of the invoice function."""

import time

import pytest

from common.invoice import render_invoice
from common.models import MAX_CART_LINES, CartItem
from common.pricing import price
from common.templates import only_packaged
from tests.support.samples import order

pytestmark = pytest.mark.slow("common", "templates", "requirements")

# Of the function's 60 s.
_HALF_TIMEOUT_SECONDS = 30
# The tests render a tenth of the largest order, in a tenth of the time.
_SHARE = 10


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        # About 1,000 lines of 300 letters, or 720 of 500, fit into an item of the table.
        ("W" * 300, MAX_CART_LINES),
        ("W" * 500, 720),
        (("lorem ipsum dolor sit amet " * 12)[:300], MAX_CART_LINES),
        ("a " * 149 + "a", MAX_CART_LINES),
        (("شاي أخضر " * 20)[:150], MAX_CART_LINES),
    ],
    ids=["one word of 300", "one word of 500", "words", "short words", "Arabic"],
)
def test_invoice_of_largest_orders_takes_half_the_timeout(name: str, lines: int) -> None:
    """The largest orders with the longest names are rendered within half the time of the invoice function."""
    item = CartItem.parse_obj({"productId": "p-1", "name": name, "quantity": 1, "unitPrice": "1.00"})
    placed = order(items=price([item] * (lines // _SHARE), None).items)
    with only_packaged():
        started = time.process_time()
        assert render_invoice(placed).startswith(b"%PDF-")
    assert time.process_time() - started < _HALF_TIMEOUT_SECONDS / _SHARE
