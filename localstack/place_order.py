"""`make order`: places a demo order and shows when each step happens, compared with the agreed limits."""

import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from localstack import demo, seed
from localstack.aws import Aws
from localstack.mails import Mailbox
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


def _report(step: Step, started: float, result: str) -> None:
    elapsed = time.monotonic() - started
    mark = "[green]✓[/]" if elapsed <= LIMITS[step] else "[yellow]![/]"
    limit = f"{LIMITS[step]:g} s"
    console.print(f"{mark} {step:<14}{elapsed:6.2f} s [dim]of {limit:<6}[/] {result}", soft_wrap=True)


def _wait[T](step: Step, attempt: Callable[[], T | None]) -> T:
    """Wait for a step and return its result; the error says where to look if it takes too long."""
    where = f"{step} (see `make logs FUNCTION={_FUNCTIONS[step]}`, and the DLQs in `make status`)"
    with console.status(f"waiting: {step}"):
        return poll(where, attempt, _DEADLINE_SECONDS)


def place_order(stack: Stack) -> None:
    """Place the demo order and follow it to the mails; UserError if it is refused or a step takes too long."""
    email, correlation_id, key = seed.users()[0]["email"], f"demo-{uuid.uuid4()}", str(uuid.uuid4())
    with OrderClient(stack.api_url, seed.token(stack, email)) as client:
        started = time.monotonic()
        try:
            order_id = client.place(demo.order(), idempotency_key=key, correlation_id=correlation_id).order_id
        except UnexpectedStatusError as error:
            raise StackError(f"{error}\n`make logs FUNCTION=create_order` shows why.") from None
        _report("accepted", started, f"order {order_id}")

        def recorded() -> dict[str, Any] | None:
            response = client.get(order_id)
            return response.json() if response.status_code == 200 else None

        order = _wait("recorded", recorded)
        if "rejection" in order:
            code, detail = order["rejection"]["code"], order["rejection"]["detail"]
            raise StackError(f"the order was rejected, {code}: {detail}\nThe carts are in fixtures/carts.json.")
        _report("recorded", started, f"{order['orderNumber']}, total R {order['total']}")
        invoice_key = _wait("invoice", lambda: (recorded() or {}).get("invoiceKey"))

    invoice = stack.directory / "invoices" / f"{order['orderNumber']}.pdf"
    invoice.parent.mkdir(exist_ok=True)
    stored = Aws(stack.endpoint).s3.get_object(Bucket=stack.outputs["orders_bucket"], Key=invoice_key)
    invoice.write_bytes(stored["Body"].read())
    _report("invoice", started, display_path(invoice))

    mailbox = Mailbox(stack.mail_dir)

    def find(subject: str) -> Path | None:
        mails = mailbox.find(correlation_id)
        return next((path for path, mail in mails if mail["Subject"].startswith(subject)), None)

    subjects: dict[Step, str] = {"internal mail": "New order", "customer mail": "Your order"}
    for step, subject in subjects.items():
        _report(step, started, display_path(_wait(step, partial(find, subject))))
