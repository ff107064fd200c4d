"""Calls the API with a client that openapi-python-client made of docs/openapi.json (package `order_client`).

`test_generated_client.py` runs it in the generator's environment, which has none of our code. Usage:

    generated_client.py URL TOKEN place REQUEST
    generated_client.py URL TOKEN pay ORDER TENANT
"""

import json
import sys
from datetime import UTC, datetime
from uuid import UUID

from order_client import AuthenticatedClient
from order_client.api.orders import create_order, get_order, list_orders, update_order
from order_client.models import OrderRequest, OrderStatus, OrderUpdate, PaymentMethod, SubmittedPaymentDetails


def place(client: AuthenticatedClient, request: str) -> dict[str, object]:
    """Place an order."""
    accepted = create_order.sync(client=client, body=OrderRequest.from_dict(json.loads(request)))
    return {"orderId": str(accepted.order_id)}


def pay(client: AuthenticatedClient, order: str, tenant_id: str) -> dict[str, object]:
    """Read an order, list those of its tenant, and pay for it."""
    order_id = UUID(order)
    read = get_order.sync_detailed(order_id, client=client)
    page = list_orders.sync(tenant_id, client=client)
    details = SubmittedPaymentDetails(
        PaymentMethod.EFT, transaction_id="tx-generated-client", paid_at=datetime.now(UTC)
    )
    update = OrderUpdate(status=OrderStatus.PAID, payment_details=details)
    paid = update_order.sync(order_id, client=client, body=update, if_match=read.headers["ETag"])
    return {
        "read": read.parsed.order_number,
        "listed": [each.order_number for each in page.items],
        "status": paid.status.value,
        "transactionId": paid.payment_details.transaction_id,
    }


if __name__ == "__main__":
    url, token, step, *arguments = sys.argv[1:]
    made = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)
    print(json.dumps(place(made, *arguments) if step == "place" else pay(made, *arguments)))
