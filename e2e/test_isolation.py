"""A tenant sees its own and no other's (R5)."""

from collections.abc import Callable

from e2e.tenant import Tenant, paid


def test_another_tenants_order_is_not_there(make_tenant: Callable[..., Tenant]) -> None:
    owner, stranger = make_tenant(), make_tenant()
    order_id = owner.ordered()["id"]
    etag = owner.get(order_id).headers["ETag"]
    assert stranger.get(order_id).status_code == 404
    assert stranger.update(order_id, etag, paid()).status_code == 404
    assert stranger.orders(owner.id).status_code == 403
    assert owner.get(order_id).json()["status"] == "PENDING_PAYMENT"


def test_an_admin_crosses_tenants(make_tenant: Callable[..., Tenant]) -> None:
    owner, admin = make_tenant(), make_tenant(group="admin")
    order = owner.ordered()
    # The admin reads by an index, which lags a moment behind the table.
    assert admin.recorded(order["id"])["orderNumber"] == order["orderNumber"]
    assert [item["id"] for item in admin.orders(owner.id).json()["items"]] == [order["id"]]
    assert admin.change(order["id"], paid()).status_code == 200


def test_another_tenants_cart_cannot_be_ordered(make_tenant: Callable[..., Tenant]) -> None:
    owner, stranger = make_tenant(), make_tenant()
    stranger.place(cartId=owner.put_cart())
    # An order that is placed later and is on record shows that the first was handled.
    good = stranger.ordered()
    assert [item["id"] for item in stranger.orders().json()["items"]] == [good["id"]]


def test_a_page_token_is_its_tenants_own(make_tenant: Callable[..., Tenant]) -> None:
    owner, stranger = make_tenant(), make_tenant()
    for tenant in (owner, owner, stranger, stranger):
        tenant.ordered()
    token = owner.orders(pageSize=1).json()["startAt"]
    assert owner.orders(pageSize=1, startAt=token).status_code == 200
    answer = stranger.orders(pageSize=1, startAt=token)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "startAt"
