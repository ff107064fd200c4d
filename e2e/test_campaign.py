"""Campaigns: the caller gives the code, the Cart service its discount."""

import pytest

from e2e.expected import totals
from e2e.tenant import Tenant
from labs.customers import ITEMS


@pytest.mark.parametrize(("code", "percent"), [("SPRING10", 10), ("LOYAL25", 25), ("WINTER23", 0), ("NO-SUCH", 0)])
def test_campaign_discounts_while_it_runs(tenant: Tenant, code: str, percent: int) -> None:
    """A campaign's discount applies while it runs; an expired or unknown code is ignored."""
    order = tenant.ordered(campaignCode=code)
    expected = totals(ITEMS, percent)
    assert {name: order[name] for name in expected} == expected
    assert ("campaign" in order) is (percent > 0)


def test_price_in_the_request_is_refused(tenant: Tenant) -> None:
    """A request that gives a price is refused: prices come from the Cart service only."""
    response = tenant.call("POST", "/v1.0/orders", json=tenant.body(total="1.00", items=[]))
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {"total", "items"}
