"""Identifies the requests that pass the proxy: function, service, operation and order."""

import base64
import email
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote_plus

from microburst.detection import detect

from common.correlation import CORRELATION_HEADER

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ORDER = re.compile(rf"(?:ORDER#|order_|orderId\W{{1,8}})({_UUID})")
# Powertools' id of an idempotency record: function and hash of the event.
_RECORD = re.compile(r"[\w.-]+#[0-9a-f]{32}")


@dataclass
class Worker:
    """A process of a function, with the order of its last call that had one and the correlation id of its last mail."""

    pid: int
    # Short name, such as pdf-creator.
    function: str
    order: str | None = None
    mail: str | None = None


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        function: Short name of the calling function; `customer` for a request to the API.
        service: `dynamodb`, `s3`, …, or `cart`, `api`.
        step: Operation and resource without ids, so the same for every order.
        subject: Distinguishes the same step of different orders; the same each time that a run is replayed.
        order: Id of the order, if known.
        mail: Correlation id of the mail that is sent or recorded as sent.
    """

    function: str
    service: str
    step: str
    subject: str
    order: str | None
    mail: str | None

    @property
    def sends_mail(self) -> bool:
        """Whether it sends a mail."""
        return self.service == "ses"

    @property
    def records_mail(self) -> bool:
        """Whether it completes the idempotency record of a mail."""
        return self.mail is not None and self.step.startswith("UpdateItem bbws-order-idempotency")


def identify(method: str, path: str, headers: Mapping[str, str], body: bytes, worker: Worker | None) -> Call:
    """Identify a request, whose path has its query, and update its worker; without a worker it is a customer's."""
    bare = path.partition("?")[0]
    if worker is None:
        key = headers.get("Idempotency-Key") or headers.get("If-Match") or ""
        return Call("customer", "api", f"{method} {re.sub(_UUID, '*', bare)}", f"{bare} {key}", None, None)
    if "Authorization" not in headers:
        return Call(worker.function, "cart", f"GET {bare.split('/')[2]}", bare, worker.order, None)
    # Without Host, which is the proxy's: microburst would search the models of every AWS service for it.
    found = detect({name: value for name, value in headers.items() if name != "Host"}, method, bare, {}, body)
    service, operation = found.service or "", found.operation or method
    text = unquote_plus(bare + " " + body.decode("latin-1")) if service != "ses" else ""
    mail = _correlation_id(body) if service == "ses" else None
    order = _ORDER.search(text)
    record = _RECORD.search(text)
    if order:
        worker.order = order[1]
    elif worker.function == "create-order" and operation == "PutItem":
        # Its first call creates an idempotency record; the order of its previous calls is another one.
        worker.order = None
    if mail:
        worker.mail = mail
    target = re.sub(r"/[^/]+/orders/.*", "/*", bare.lstrip("/")) if service == "s3" else ""
    if service == "dynamodb":
        target = f"{found.resource or ''}{' counter' if 'COUNTER#' in text and order is None else ''}"
    subject = mail or (record[0] if record else None) or (order[1] if order else None) or target
    recorded = worker.mail if record and "notifier" in worker.function else None
    return Call(worker.function, service, f"{operation} {target}".rstrip(), subject, worker.order, mail or recorded)


def _correlation_id(body: bytes) -> str | None:
    raw = parse_qs(body.decode("latin-1")).get("RawMessage.Data", [""])[0]
    value: str | None = email.message_from_bytes(base64.b64decode(raw))[CORRELATION_HEADER]
    return value
