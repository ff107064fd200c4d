"""A tenant reaches its own orders, carts and pages only; an administrator reaches those of every tenant."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from e2e.tenant import Tenant, paid
from localstack.targets import Platform


def test_order_of_another_tenant_is_not_found(make_tenant: Callable[..., Tenant]) -> None:
    """A tenant can neither read, change nor list another tenant's orders."""
    owner, stranger = make_tenant(), make_tenant()
    order_id = owner.ordered()["id"]
    etag = owner.get(order_id).headers["ETag"]
    assert stranger.get(order_id).status_code == 404
    assert stranger.update(order_id, etag, paid()).status_code == 404
    assert stranger.orders(owner.id).status_code == 403
    assert owner.get(order_id).json()["status"] == "PENDING_PAYMENT"


def test_admin_reaches_orders_of_any_tenant(make_tenant: Callable[..., Tenant]) -> None:
    """An administrator reads, lists and changes the orders of any tenant."""
    owner, admin = make_tenant(), make_tenant(group="admin")
    order = owner.ordered()
    # An administrator reads from an index, which is updated shortly after the table.
    assert admin.recorded(order["id"])["orderNumber"] == order["orderNumber"]
    assert [item["id"] for item in admin.orders(owner.id).json()["items"]] == [order["id"]]
    assert admin.change(order["id"], paid()).status_code == 200


@pytest.mark.sidecars
@pytest.mark.parametrize("group", ["support,admin", "[admin]", "admin,"])
def test_group_with_a_similar_name_is_no_admin(
    platform: Platform, make_tenant: Callable[..., Tenant], group: str
) -> None:
    """Only the group `admin` makes an administrator: a group whose name only contains it does not."""
    cognito, pool = platform.aws.cognito, platform.outputs["user_pool_id"]
    if not platform.issuer:
        cognito.create_group(UserPoolId=pool, GroupName=group)
    try:
        owner, member = make_tenant(), make_tenant(group=group)
        order_id = owner.ordered()["id"]
        assert member.get(order_id).status_code == 404
        assert member.orders(owner.id).status_code == 403
    finally:
        if not platform.issuer:
            cognito.delete_group(UserPoolId=pool, GroupName=group)


def test_cart_of_another_tenant_is_not_ordered(make_tenant: Callable[..., Tenant]) -> None:
    """A tenant cannot order another tenant's cart."""
    owner, stranger = make_tenant(), make_tenant()
    foreign = stranger.ordered(cartId=owner.put_cart())
    missing = stranger.ordered(cartId=f"cart-{uuid4().hex}")
    assert foreign["status"] == "REJECTED"
    # Nothing says that the cart exists.
    assert foreign["rejection"] == missing["rejection"]
    assert owner.orders().json()["items"] == []


def test_page_token_of_another_tenant_is_refused(make_tenant: Callable[..., Tenant]) -> None:
    """A page token works only for the tenant that got it."""
    owner, stranger = make_tenant(), make_tenant()
    for tenant in (owner, owner, stranger, stranger):
        tenant.ordered()
    token = owner.orders(pageSize=1).json()["startAt"]
    assert owner.orders(pageSize=1, startAt=token).status_code == 200
    response = stranger.orders(pageSize=1, startAt=token)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "startAt"
