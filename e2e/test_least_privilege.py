"""Each function has the permissions that it uses and no others, and each statement of its policy is needed."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests

from e2e import permissions
from e2e.applied import put_back
from e2e.queues import counts, drain
from e2e.tenant import Tenant, cart_outage, paid
from localstack import stack as stacks
from localstack.targets import Platform
from release import traffic
from release.packaging import build
from tests.support.evidence_plugin import OrderTimer, Recorder
from tests.support.lambda_events import api_event
from tests.support.ses_reports import report
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.sidecars, pytest.mark.needs("IAM"), pytest.mark.load("held up")]

_DEADLINE_SECONDS = 240
# Permissions on more than one resource, and why. `{function}` stands for the name of each function.
WILDCARDS = {
    "arn:aws:s3:::bbws-orders-local/*/orders/*": "the message says which tenant the invoice belongs to",
    "arn:aws:s3:::bbws-email-templates-local/invoice/*": "the templates of one kind of document",
    "arn:aws:s3:::bbws-email-templates-local/internal/*": "the templates of one kind of mail",
    "arn:aws:s3:::bbws-email-templates-local/customer/*": "the templates of one kind of mail",
    "arn:aws:s3:::bbws-email-templates-local/mail/*": "the layout that all mails share",
    "arn:aws:logs:af-south-1:000000000000:log-group:/aws/lambda/{function}:*": "Lambda names the log streams",
}


class Promises:
    """Checks what each function promises by calling it directly, as API Gateway or Lambda's poller would.

    Args:
        tenant: Tenant whose orders are used.
        admin: Administrator of another tenant.
    """

    def __init__(self, tenant: Tenant, admin: Tenant) -> None:
        self._tenant, self._admin, self._platform = tenant, admin, tenant.platform
        self._body = tenant.body()
        self._order_id, self._unpaid = tenant.place(cartId=self._body["cartId"]), tenant.place()
        self._key = tenant.invoiced(self._order_id)["invoiceKey"]
        tenant.invoiced(self._unpaid)
        # An administrator's change that can be repeated: the function recognises it, and publishes the event again.
        self._paid = paid()
        event = self._change(self._order_id, self._paid, "1", admin=True)
        assert self._status(self._call("update_order", event)) == 200

    def broken(self, function: str, qualifier: str = traffic.ALIAS) -> list[str]:
        """The promises that a function breaks.

        Args:
            function: Folder of the function.
            qualifier: Alias or version to call.
        """
        started = int(time.time() * 1000)
        broken: list[str] = getattr(self, f"_{function}")(qualifier)
        name = self._platform.outputs["function_names"][function]
        if not self._platform.aws.logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", startTime=started)[
            "events"
        ]:
            broken.append("it logs")
        if function in self._platform.outputs["queue_names"] and not broken and not self._takes_messages(function):
            broken.append("it takes messages from its queue")
        return broken

    def _call(self, function: str, event: dict[str, Any], qualifier: str = traffic.ALIAS) -> tuple[dict[str, Any], str]:
        """Call a function; returns its response and its log."""
        response = self._platform.aws.functions.invoke(
            FunctionName=self._platform.outputs["function_names"][function],
            Qualifier=qualifier,
            Payload=json.dumps(event),
            LogType="Tail",
        )
        return json.loads(response["Payload"].read()), base64.b64decode(response.get("LogResult", "")).decode()

    def _status(self, called: tuple[dict[str, Any], str]) -> int:
        status: int = called[0]["statusCode"]
        return status

    def _request(self, method: str, path: str, admin: bool = False, **options: Any) -> dict[str, Any]:
        caller = self._admin if admin else self._tenant
        return api_event(method, path, tenant_id=caller.id, groups=("admin",) if admin else (), **options)

    def _change(self, order_id: str, change: dict[str, Any], version: str, admin: bool = False) -> dict[str, Any]:
        headers = {"if-match": f'"{version}"'}
        return self._request("PUT", f"/v1.0/orders/{order_id}", admin, body=change, headers=headers)

    def _create_order(self, qualifier: str) -> list[str]:
        headers = {"idempotency-key": str(uuid4())}
        event = self._request("POST", "/v1.0/orders", body=self._body, headers=headers)
        response, log = self._call("create_order", event, qualifier)
        broken = [] if response["statusCode"] == 202 else ["it accepts an order"]
        return [*broken, *(["it shows that the order is accepted"] if "acceptance not shown" in log else [])]

    def _get_order(self, qualifier: str) -> list[str]:
        callers = {"a tenant": False, "an admin": True}
        path = f"/v1.0/orders/{self._order_id}"
        broken = [
            f"{who} reads an order"
            for who, admin in callers.items()
            if self._status(self._call("get_order", self._request("GET", path, admin), qualifier)) != 200
        ]
        redirect, _ = self._call("get_order", self._request("GET", f"{path}/invoice"), qualifier)
        (url,) = redirect["multiValueHeaders"].get("Location", [""])
        return broken if url and requests.get(url, timeout=30).ok else [*broken, "it gives an invoice"]

    def _list_orders(self, qualifier: str) -> list[str]:
        event = self._request("GET", f"/v1.0/tenants/{self._tenant.id}/orders")
        return [] if self._status(self._call("list_orders", event, qualifier)) == 200 else ["it lists orders"]

    def _update_order(self, qualifier: str) -> list[str]:
        version = self._tenant.get(self._unpaid).headers["ETag"].strip('"')
        details = {"paymentDetails": paid()["paymentDetails"]}
        events = {
            "a tenant changes payment details": self._change(self._unpaid, details, version),
            "an admin pays an order": self._change(self._order_id, self._paid, "1", admin=True),
        }
        return [
            what for what, event in events.items() if self._status(self._call("update_order", event, qualifier)) != 200
        ]

    def _message(self, event_type: str, payload: dict[str, Any]) -> str:
        return json.dumps(
            {
                "messageId": str(uuid4()),
                "timestamp": "2026-11-24T10:00:00Z",
                "eventType": event_type,
                "version": "1.0",
                "correlationId": f"e2e-{uuid4()}",
                "payload": {"tenantId": self._tenant.id, "orderId": self._order_id, **payload},
            }
        )

    def _creation(self, order_id: str) -> str:
        payload = {"orderId": order_id, "createdBy": "e2e", "order": self._body}
        return self._message("OrderCreationRequested", payload)

    def _next_message(self, function: str) -> str:
        """A message that the function has not handled yet."""
        match function:
            case "order_creator_record":
                return self._creation(str(uuid4()))
            case "customer_order_confirmation":
                return self._message("InvoiceCreated", {"invoiceKey": self._key})
        return self._message("OrderRecorded", {})

    def _consume(self, function: str, qualifier: str, *bodies: str) -> list[str]:
        queue = self._platform.outputs["queue_names"][function]
        records = [
            {
                "messageId": str(uuid4()),
                "receiptHandle": "none",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:af-south-1:000000000000:{queue}",
                "awsRegion": "af-south-1",
            }
            for body in bodies or (self._next_message(function),)
        ]
        response, log = self._call(function, {"Records": records}, qualifier)
        broken = ["it handles a message"] if response["batchItemFailures"] else []
        return [*broken, *(["it uses the template in S3"] if "packaged template used" in log else [])]

    def _batch(self, function: str) -> list[str]:
        """Two messages: a batch is read in another way than a single message."""
        return [self._next_message(function) for _ in range(2)]

    def _order_creator_record(self, qualifier: str) -> list[str]:
        """A new order, and one that is on record: it is found there although its cart cannot be read."""
        new = self._consume("order_creator_record", qualifier)
        with cart_outage(self._tenant, self._body["cartId"]):
            return [*new, *self._consume("order_creator_record", qualifier, self._creation(self._order_id))]

    def _order_internal_notification(self, qualifier: str) -> list[str]:
        return self._consume("order_internal_notification", qualifier, *self._batch("order_internal_notification"))

    def _customer_order_confirmation(self, qualifier: str) -> list[str]:
        reported = json.dumps(report(self._tenant.id, self._order_id, timestamp=datetime.now(UTC).isoformat()))
        return [
            *self._consume("customer_order_confirmation", qualifier, *self._batch("customer_order_confirmation")),
            *self._consume("customer_order_confirmation", qualifier, reported),
        ]

    def _order_pdf_creator(self, qualifier: str) -> list[str]:
        # As if the function had crashed after it stored the invoice and before it wrote the key to the order.
        self._platform.aws.dynamodb.update_item(
            TableName=self._platform.outputs["orders_table"],
            Key={"PK": {"S": f"TENANT#{self._tenant.id}"}, "SK": {"S": f"ORDER#{self._order_id}"}},
            UpdateExpression="REMOVE invoiceKey",
        )
        return self._consume("order_pdf_creator", qualifier)

    def _takes_messages(self, function: str) -> bool:
        queue, role = (self._platform.outputs[names][function] for names in ("queue_names", "role_names"))

        def denials() -> int:
            """Number of calls on its queue that the function's role was denied."""
            denied = [made for made in permissions.decisions() if made.role == role and not made.allowed]
            return sum(made.resource.endswith(f":{queue}") for made in denied)

        before = denials()
        self._platform.aws.sqs.send_message(
            QueueUrl=self._platform.queue_url(queue), MessageBody=self._next_message(function)
        )

        def taken() -> bool | None:
            if not counts(self._platform, [queue])[queue]:
                return True
            return False if denials() > before else None

        return poll(f"the message in {queue} taken or denied", taken, _DEADLINE_SECONDS)


@pytest.fixture(scope="module", autouse=True)
def policies_put_back(platform: Platform) -> Iterator[None]:
    """Checks that each test has put back the policies that it changed."""
    with put_back(lambda: {name: permissions.role_policy(platform, name) for name in platform.outputs["role_names"]}):
        yield


@pytest.fixture(scope="module")
def promises(platform: Platform, cart_service: None) -> Iterator[Promises]:
    """Promises on the same orders for all functions, each of which leaves the orders as it found them."""
    timer = OrderTimer(Recorder(None, ""), "alongside other tests")
    tenants = [Tenant(platform, timer), Tenant(platform, timer, group="admin")]
    yield Promises(*tenants)
    for tenant in tenants:
        tenant.remove()


@pytest.fixture
def forgotten_denials(platform: Platform) -> Iterator[None]:
    """Forgets the denials that a test has caused, once no message is left."""
    yield
    drain(platform, _DEADLINE_SECONDS)
    permissions.forget_denials()


def test_functions_are_denied_nothing(platform: Platform, tenant: Tenant) -> None:
    """No function is denied a call while an order goes through every function, nor was one in earlier tests."""
    order = tenant.invoiced(tenant.place())
    assert tenant.change(order["id"], paid()).status_code == 200
    assert tenant.orders().status_code == 200
    drain(platform, _DEADLINE_SECONDS)
    roles = set(platform.outputs["role_names"].values())
    decisions = [made for made in permissions.decisions() if made.role in roles]
    assert {made.role for made in decisions} == roles
    assert [made for made in decisions if not made.allowed] == []


@pytest.mark.usefixtures("forgotten_denials")
@pytest.mark.parametrize("function", build.function_names())
def test_policy_is_least_privilege(platform: Platform, promises: Promises, function: str) -> None:
    """A function needs each statement of its policy to keep its promises, and uses each permission."""
    policy = permissions.role_policy(platform, function)
    assert promises.broken(function) == []
    broken_without = {}
    for statement in policy["Statement"]:
        others = [other for other in policy["Statement"] if other != statement]
        permissions.put_role_policy(platform, function, {**policy, "Statement": others})
        try:
            # A process caches the templates that it has read; the unpublished version has a process that read none.
            broken = promises.broken(function) or promises.broken(function, "$LATEST")
        finally:
            permissions.put_role_policy(platform, function, policy)
        broken_without[f"{statement['Action']} on {statement['Resource']}"] = broken
    assert len(broken_without) == len(policy["Statement"]) > 0
    assert [statement for statement, broken in broken_without.items() if not broken] == []
    drain(platform, _DEADLINE_SECONDS)
    assert promises.broken(function) == []

    uses = permissions.count_uses(platform)
    table = permissions.format_table(uses)
    (stacks.require().directory / "permissions.txt").write_text(table + "\n")
    # The failures above use what only a retry needs, such as deleting an idempotency record.
    assert [grant for grant, count in uses.items() if grant.function == function and not count] == [], table


def test_permission_on_several_resources_has_a_reason(platform: Platform) -> None:
    """A permission on more than one resource is on the list of those that have a reason."""
    names = platform.outputs["function_names"]
    wide = {
        grant.resource.replace(names[grant.function], "{function}")
        for grant in permissions.grants(platform)
        if "*" in grant.resource or "?" in grant.resource or "*" in grant.action
    }
    assert wide == set(WILDCARDS)
