"""Orders one after the other, on a stack that does nothing else (R3, R8)."""

from uuid import uuid4

import pytest

from e2e.tenant import Tenant

ORDERS = 10

pytestmark = [pytest.mark.alone, pytest.mark.timed, pytest.mark.sidecars, pytest.mark.load("one at a time")]


def test_each_order_takes_the_next_number_and_reaches_the_customer(tenant: Tenant) -> None:
    numbers = []
    for _ in range(ORDERS):
        correlation_id = f"e2e-{uuid4()}"
        order = tenant.invoiced(tenant.place(correlation_id))
        numbers.append(int(order["orderNumber"].rsplit("-", 1)[1]))
        to_customer = [mail for mail in tenant.mails(correlation_id, 2) if mail["To"] == tenant.email]
        assert [mail["Subject"] for mail in to_customer] == [f"Your order {order['orderNumber']}"]
    assert numbers == list(range(numbers[0], numbers[0] + ORDERS))
