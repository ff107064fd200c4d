"""Optimistic locking (R5): a change is of the order that the caller saw, or it is refused."""

from concurrent.futures import ThreadPoolExecutor

from e2e.tenant import Tenant, paid


def test_a_stale_etag_is_409_and_changes_nothing(tenant: Tenant) -> None:
    order_id = tenant.ordered()["id"]
    etag = tenant.get(order_id).headers["ETag"]
    assert tenant.update(order_id, etag, paid()).status_code == 200
    assert tenant.update(order_id, etag, {"status": "CANCELLED"}).status_code == 409
    assert tenant.get(order_id).json()["status"] == "PAID"


def test_of_changes_at_the_same_moment_one_wins(tenant: Tenant) -> None:
    order_id = tenant.ordered()["id"]
    etag = tenant.get(order_id).headers["ETag"]
    with ThreadPoolExecutor(max_workers=6) as pool:
        answers = list(pool.map(lambda _: tenant.update(order_id, etag, paid()), range(6)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 409, 409, 409, 409, 409]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert tenant.get(order_id).json()["paymentDetails"] == won["paymentDetails"]


def test_a_change_whose_answer_was_lost_can_be_sent_again(tenant: Tenant) -> None:
    order_id = tenant.ordered()["id"]
    etag, change = tenant.get(order_id).headers["ETag"], paid()
    first, second = (tenant.update(order_id, etag, change) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["ETag"] == second.headers["ETag"]


def test_if_match_is_required_and_checked(tenant: Tenant) -> None:
    order_id = tenant.ordered()["id"]
    assert tenant.update(order_id, None, paid()).status_code == 428
    for etag in ("1", '""', '"x"', "*", 'W/"1"', '"1", "2"'):
        answer = tenant.update(order_id, etag, paid())
        assert answer.status_code == 400, etag
        assert answer.json()["errors"][0]["field"] == "If-Match"
