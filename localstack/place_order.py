"""`make order`: places a demo order and shows when each step happens, compared with the agreed limits."""

import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localstack import demo, seed
from localstack.aws import Aws
from localstack.sidecars.mail_catcher import Mailbox
from localstack.stack import Stack, StackError
from localstack.up import console, display_path
from tooling.agreed_limits import LIMITS, Step
from tooling.order_client import OrderClient, UnexpectedStatusError
from tooling.polling import poll

_DEADLINE_SECONDS = 60
_FUNCTIONS: dict[Step, str] = {
    "recorded": "order_creator_record",
    "invoice": "order_pdf_creator",
    "internal mail": "order_internal_notification",
    "customer mail": "customer_order_confirmation",
}


class _Trace:
    """Times of one order's steps, counted from now."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def done(self, step: Step, result: str) -> None:
        """Print when a step was done."""
        elapsed = time.monotonic() - self._started
        mark = "[green]✓[/]" if elapsed <= LIMITS[step] else "[yellow]![/]"
        limit = f"{LIMITS[step]:g} s"
        console.print(f"{mark} {step:<14}{elapsed:6.2f} s [dim]of {limit:<6}[/] {result}", soft_wrap=True)

    def wait[T](self, step: Step, attempt: Callable[[], T | None]) -> T:
        """Wait for a step and return its result.

        Raises:
            DeadlineError: The step takes too long; the message says where to look.
        """
        where = f"{step} (see `make logs FUNCTION={_FUNCTIONS[step]}`, and the DLQs in `make status`)"
        with console.status(f"waiting: {step}"):
            return poll(where, attempt, _DEADLINE_SECONDS)


def place_order(stack: Stack) -> None:
    """Place the demo order of fixtures/order.json and follow it to the mails.

    Raises:
        UserError: The API refused the order, or a step takes too long.
    """
    user = seed.users()[0]
    correlation_id = f"demo-{uuid.uuid4()}"
    with OrderClient(stack.api_url, seed.token(stack, user["email"])) as client:
        trace = _Trace()
        order_id = _place(client, correlation_id)
        trace.done("accepted", f"order {order_id}")

        def recorded() -> dict[str, Any] | None:
            response = client.get(order_id)
            return response.json() if response.status_code == 200 else None

        order = trace.wait("recorded", recorded)
        number = order["orderNumber"]
        trace.done("recorded", f"{number}, total R {order['total']}")
        key = trace.wait("invoice", lambda: (recorded() or {}).get("invoiceKey"))

    invoice = stack.directory / "invoices" / f"{number}.pdf"
    invoice.parent.mkdir(exist_ok=True)
    invoice.write_bytes(
        Aws(stack.endpoint).s3.get_object(Bucket=stack.outputs["orders_bucket"], Key=key)["Body"].read()
    )
    trace.done("invoice", display_path(invoice))

    mailbox = Mailbox(stack.mail_dir)

    def mail_to(pattern: str) -> Callable[[], Path | None]:
        def find() -> Path | None:
            found = mailbox.find(correlation_id)
            return next((path for path, message in found if re.search(pattern, message["Subject"])), None)

        return find

    subjects: dict[Step, str] = {"internal mail": "^New order", "customer mail": "^Your order"}
    for step, pattern in subjects.items():
        trace.done(step, display_path(trace.wait(step, mail_to(pattern))))


def _place(client: OrderClient, correlation_id: str) -> str:
    try:
        return client.place(demo.order(), idempotency_key=str(uuid.uuid4()), correlation_id=correlation_id).order_id
    except UnexpectedStatusError as error:
        raise StackError(f"{error}\n`make logs FUNCTION=create_order` shows why.") from None
