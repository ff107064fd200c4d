"""Optimistic locking: a change applies to the version that the caller read, or is refused."""

from concurrent.futures import ThreadPoolExecutor

from e2e.tenant import Tenant, paid


def test_change_with_an_old_etag_is_refused(tenant: Tenant) -> None:
    """A change of an order that has changed since the caller read it is refused, and changes nothing."""
    order_id = tenant.ordered()["id"]
    etag = tenant.get(order_id).headers["ETag"]
    assert tenant.update(order_id, etag, paid()).status_code == 200
    assert tenant.update(order_id, etag, {"status": "CANCELLED"}).status_code == 409
    assert tenant.get(order_id).json()["status"] == "PAID"


def test_concurrent_changes_one_wins(tenant: Tenant) -> None:
    """Of several concurrent changes of an order, one is made and the others are refused."""
    order_id = tenant.ordered()["id"]
    etag = tenant.get(order_id).headers["ETag"]
    with ThreadPoolExecutor(max_workers=6) as pool:
        responses = list(pool.map(lambda _: tenant.update(order_id, etag, paid()), range(6)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200, 409, 409, 409, 409, 409]
    won = next(response.json() for response in responses if response.status_code == 200)
    assert tenant.get(order_id).json()["paymentDetails"] == won["paymentDetails"]


def test_repeated_change_is_accepted(tenant: Tenant) -> None:
    """A caller that never got the response can repeat its change; it is made once."""
    order_id = tenant.ordered()["id"]
    etag, change = tenant.get(order_id).headers["ETag"], paid()
    first, second = (tenant.update(order_id, etag, change) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["ETag"] == second.headers["ETag"]


def test_change_without_a_valid_etag_is_refused(tenant: Tenant) -> None:
    """A change without an ETag, with a malformed one, with weak ones only, or with others is refused."""
    order_id = tenant.ordered()["id"]
    statuses = {None: 428, 'W/"1"': 412, '"x"': 409, '"2", W/"1"': 409}
    assert {etag: tenant.update(order_id, etag, paid()).status_code for etag in statuses} == statuses
    for etag in ("1", '"1', '"1" "2"'):
        response = tenant.update(order_id, etag, paid())
        assert response.status_code == 400, etag
        assert response.json()["errors"][0]["field"] == "If-Match"
    assert tenant.get(order_id).json()["status"] == "PENDING_PAYMENT"


def test_change_with_any_of_several_etags_is_made(tenant: Tenant) -> None:
    """A list of ETags matches if one of them is the order's, and `*` matches any version."""
    order_id = tenant.ordered()["id"]
    assert tenant.update(order_id, 'W/"1", "7", "1"', paid()).status_code == 200
    assert tenant.update(order_id, "*", {"status": "PROCESSING"}).status_code == 200
