"""Campaigns (R3, R5): the code comes from the caller, what it is worth from the Cart service."""

import pytest

from e2e.tenant import ITEMS, Tenant
from e2e.test_order_flow import totals


@pytest.mark.parametrize(("code", "percent"), [("SPRING10", 10), ("LOYAL25", 25), ("WINTER23", 0), ("NO-SUCH", 0)])
def test_a_campaign_takes_its_percentage_off_while_it_runs(tenant: Tenant, code: str, percent: int) -> None:
    order = tenant.ordered(campaignCode=code)
    expected = totals(ITEMS, percent)
    assert {name: order[name] for name in expected} == expected
    assert ("campaign" in order) is (percent > 0)


def test_a_price_in_the_request_is_refused(tenant: Tenant) -> None:
    answer = tenant.call("POST", "/v1.0/orders", json=tenant.body(total="1.00", items=[]))
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {"total", "items"}
