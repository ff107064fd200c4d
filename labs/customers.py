"""Customers of the experiments: each is the only user of a tenant, and calls the API through the one client."""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import requests

from localstack import seed
from localstack.aws import Aws
from localstack.stack import Stack
from tooling.order_client import OrderClient

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

ITEMS: Final[list[dict[str, Any]]] = [
    {"productId": "product-1", "name": "Rooibos tea, 80 bags", "quantity": 3, "unitPrice": "54.99"},
    {"productId": "product-2", "name": "Fynbos honey, 500 g", "quantity": 2, "unitPrice": "119.50"},
]
_SECONDS = 60
_CART_SECONDS = 10


class Customer(NamedTuple):
    """A customer who is signed in: the id of the tenant, the customer's address, and a client with a token."""

    tenant: str
    email: str
    api: OrderClient


def sign_up(
    cognito: "CognitoIdentityProviderClient",
    outputs: Mapping[str, Any],
    tenant: str,
    email: str,
    group: str | None = None,
) -> dict[str, str]:
    """Add a user to the pool of Terraform's outputs, and return its IdToken, AccessToken and RefreshToken."""
    pool, client = outputs["user_pool_id"], outputs["user_pool_client_id"]
    password = f"Aa1!{secrets.token_urlsafe(24)}"
    seed.add_user(cognito, pool, email, password, tenant, group)
    return seed.sign_in(cognito, pool, client, email, password)


def customer(stack: Stack, tenant: str, api_url: str | None = None) -> Customer:
    """A new customer of a local stack with Cognito, whose API is at the stack's URL or another."""
    email = f"buyer@{tenant}.example"
    tokens = sign_up(Aws(stack.endpoint).cognito, stack.outputs, tenant, email)
    return Customer(tenant, email, OrderClient(api_url or stack.api_url, tokens["IdToken"], timeout=_SECONDS))


def put_cart(cart_url: str, tenant: str, items: Sequence[Mapping[str, Any]], cart_id: str = "") -> str:
    """Put a cart of a tenant into a Cart service, and return its id."""
    cart_id = cart_id or f"cart-{uuid.uuid4().hex}"
    cart = {"cartId": cart_id, "tenantId": tenant, "currency": "ZAR", "items": list(items)}
    requests.put(f"{cart_url}/v1.0/carts/{cart_id}", json=cart, timeout=_CART_SECONDS).raise_for_status()
    return cart_id
