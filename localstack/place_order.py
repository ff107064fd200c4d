"""`make order`: places a demo order and shows each step of its way (R8)."""

import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import requests

from localstack import demo, seed
from localstack.aws import Aws
from localstack.mailbox import Mailbox
from localstack.stack import Stack, StackError
from localstack.up import console, shown
from tooling.agreed_limits import LIMITS, Step
from tooling.polling import poll

_DEADLINE_SECONDS = 60
_LOOK_AT: dict[Step, str] = {
    "recorded": "order_creator_record",
    "invoice": "order_pdf_creator",
    "internal mail": "order_internal_notification",
    "customer mail": "customer_order_confirmation",
}


class _Journey:
    """Times the steps of one order."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def done(self, step: Step, note: str) -> None:
        """Print a step that is done."""
        elapsed = time.monotonic() - self._started
        good = elapsed <= LIMITS[step]
        mark = "[green]✓[/]" if good else "[yellow]![/]"
        limit = f"{LIMITS[step]:g} s"
        console.print(f"{mark} {step:<14}{elapsed:6.2f} s [dim]of {limit:<6}[/] {note}", soft_wrap=True)

    def wait[T](self, step: Step, ask: Callable[[], T | None]) -> T:
        """Ask until there is an answer.

        Raises:
            StackError: there was none in time; says where to look.
        """
        where = f"{step} (look at `make logs FUNCTION={_LOOK_AT[step]}`, and at the DLQs in `make status`)"
        with console.status(f"waiting: {step}"):
            return poll(where, ask, _DEADLINE_SECONDS)


def place_order(stack: Stack) -> None:
    """Place the demo order of fixtures/order.json and follow it to the mails.

    Raises:
        StackError: the API refused it, or a step did not come.
    """
    user = seed.users()[0]
    headers = {
        "Authorization": f"Bearer {seed.token(stack, user['email'])}",
        "Idempotency-Key": str(uuid.uuid4()),
        "X-Correlation-Id": f"demo-{uuid.uuid4()}",
    }
    body = demo.order()
    session = requests.Session()
    journey = _Journey()
    answer = session.post(f"{stack.api_url}/v1.0/orders", json=body, headers=headers, timeout=30)
    if answer.status_code != 202:
        raise StackError(
            f"the API answered {answer.status_code}: {answer.text}\n`make logs FUNCTION=create_order` shows why."
        )
    order_id = answer.json()["orderId"]
    journey.done("accepted", f"order {order_id}")

    def order() -> requests.Response | None:
        found = session.get(f"{stack.api_url}/v1.0/orders/{order_id}", headers=headers, timeout=30)
        return found if found.status_code == 200 else None

    recorded = journey.wait("recorded", order).json()
    number = recorded["orderNumber"]
    journey.done("recorded", f"{number}, total R {recorded['total']}")

    def with_invoice() -> str | None:
        found = order()
        return found.json().get("invoiceKey") if found else None

    key = journey.wait("invoice", with_invoice)
    invoice = stack.directory / "invoices" / f"{number}.pdf"
    invoice.parent.mkdir(exist_ok=True)
    invoice.write_bytes(
        Aws(stack.endpoint).s3.get_object(Bucket=stack.outputs["orders_bucket"], Key=key)["Body"].read()
    )
    journey.done("invoice", shown(invoice))

    mailbox = Mailbox(stack.mail_dir)

    def mail_to(pattern: str) -> Callable[[], Path | None]:
        def ask() -> Path | None:
            found = mailbox.find(headers["X-Correlation-Id"])
            return next((path for path, message in found if re.search(pattern, message["Subject"])), None)

        return ask

    subjects: dict[Step, str] = {"internal mail": "^New order", "customer mail": "^Your order"}
    for step, pattern in subjects.items():
        journey.done(step, shown(journey.wait(step, mail_to(pattern))))
