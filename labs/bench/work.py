"""Events that give each function its real work, on orders of a stack."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import requests

from common.events import Envelope, OrderCreationRequested, invoice_created, order_creation_requested, order_recorded
from common.field_types import Identifier
from common.invoice import invoice_key
from common.models import OrderRequest
from common.order import Order
from common.repository import OrderRepository
from localstack import demo
from localstack.aws import Aws
from localstack.stack import ACCOUNT, REGION, Stack, StackError
from release.openapi.document import routes

_SECONDS = 10
_PAID = {
    "status": "PAID",
    "paymentDetails": {"method": "EFT", "transactionId": "tx-1", "paidAt": "2026-11-24T10:00:00Z"},
}


class Work:
    """The work of the orders of a tenant that nobody else has.

    Args:
        stack: that has them.
        lines: of each order.
    """

    def __init__(self, stack: Stack, lines: int) -> None:
        self._stack = stack
        self._tenant = f"bench-{uuid.uuid4().hex[:8]}"
        self._aws = Aws(stack.endpoint)
        self._repository = OrderRepository(self._aws.dynamodb, stack.outputs["orders_table"])
        self._cart = f"bench-{uuid.uuid4()}"
        items = [
            {"productId": f"p-{line}", "name": f"Rooibos tea number {line}", "quantity": 1, "unitPrice": "19.90"}
            for line in range(lines)
        ]
        content = {"cartId": self._cart, "tenantId": self._tenant, "currency": "ZAR", "items": items}
        cart = f"{stack.cart_url}/v1.0/carts/{self._cart}"
        requests.put(cart, json=content, timeout=_SECONDS).raise_for_status()

    def order(self, order_id: UUID) -> Order:
        """An order.

        Raises:
            StackError: it is not on record.
        """
        found = self._repository.get(self._tenant, order_id)
        if found is None:
            raise StackError(f"order {order_id} is not on record: `make queues` shows where it is")
        return found

    def create_order(self) -> dict[str, Any]:
        """A request that is accepted."""
        return self._request("create_order", self._body(), {"Idempotency-Key": str(uuid.uuid4())})

    def get_order(self, order: Order) -> dict[str, Any]:
        """A request for an order."""
        return self._request("get_order", orderId=str(order.id))

    def list_orders(self) -> dict[str, Any]:
        """A request for the tenant's newest orders."""
        return self._request("list_orders", tenantId=self._tenant)

    def update_order(self, order: Order) -> dict[str, Any]:
        """A request that says that an order is paid."""
        return self._request("update_order", _PAID, {"If-Match": f'"{order.version}"'}, orderId=str(order.id))

    def order_creator_record(self) -> dict[str, Any]:
        """A message that asks for a new order."""
        request = OrderRequest.parse_obj(self._body())
        payload = OrderCreationRequested(
            order_id=uuid.uuid4(), tenant_id=Identifier(self._tenant), created_by="bench", order=request
        )
        return self._message(order_creation_requested(payload, "bench"))

    def order_pdf_creator(self, order: Order) -> dict[str, Any]:
        """A message on an order, whose invoice is taken away, so that it is drawn again."""
        key = {"PK": {"S": f"TENANT#{self._tenant}"}, "SK": {"S": f"ORDER#{order.id}"}}
        self._aws.dynamodb.update_item(
            TableName=self._stack.outputs["orders_table"], Key=key, UpdateExpression="REMOVE invoiceKey"
        )
        self._aws.s3.delete_object(Bucket=self._stack.outputs["orders_bucket"], Key=invoice_key(self._tenant, order.id))
        return self._message(order_recorded(order, "bench"))

    def order_internal_notification(self, order: Order) -> dict[str, Any]:
        """A message on an order, as if it had not come before."""
        return self._message(_anew(order_recorded(order, "bench")))

    def customer_order_confirmation(self, order: Order) -> dict[str, Any]:
        """A message on an order's invoice, as if it had not come before."""
        key = invoice_key(self._tenant, order.id)
        return self._message(_anew(invoice_created(order, key, "bench")))

    def _body(self) -> dict[str, Any]:
        return demo.request(demo.order()["customerEmail"], self._cart)

    def _request(
        self, function: str, body: Any = None, headers: dict[str, str] | None = None, **parameters: str
    ) -> dict[str, Any]:
        method, resource = routes()[function]
        claims = {"sub": "bench", "custom:tenantId": self._tenant}
        return {
            "httpMethod": method,
            "path": resource.format(**parameters),
            "resource": resource,
            "pathParameters": parameters or None,
            "headers": headers or {},
            "multiValueHeaders": {},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "body": json.dumps(body) if body else None,
            "isBase64Encoded": False,
            "requestContext": {"requestId": str(uuid.uuid4()), "authorizer": {"claims": claims}},
        }

    def _message(self, envelope: Envelope) -> dict[str, Any]:
        sent = str(int(datetime.now(UTC).timestamp() * 1_000))
        record = {
            "messageId": str(uuid.uuid4()),
            "receiptHandle": "bench",
            "body": envelope.encode(),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": sent},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:bench",
            "awsRegion": REGION,
        }
        return {"Records": [record]}


def _anew(envelope: Envelope) -> Envelope:
    """The same happening under an id of its own: what is noted of the first does not stop it."""
    return envelope.copy(update={"message_id": uuid.uuid4()})
