"""What is known of a request that passes the proxy: who asks which service for what, and about which order."""

import base64
import email
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote_plus

from microburst.detection import detect

CUSTOMER = "customer"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ORDER = re.compile(rf"(?:ORDER#|order_|orderId\W{{1,8}})({_UUID})")
# How Powertools names a record: function and hash of the event.
_NOTE = re.compile(r"[\w.-]+#[0-9a-f]{32}")


@dataclass
class Worker:
    """A process of a function, and what it is at.

    Args:
        pid: of the process.
        function: short name, such as pdf-creator.
        order: id of the order that its last call named.
        mail: correlation id of the mail that it sent last.
    """

    pid: int
    function: str
    order: str | None = None
    mail: str | None = None


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        function: short name of the function that asks; `customer` for a request to the API.
        service: `dynamodb`, `s3`, …, or `cart`, `api`.
        step: operation and what it is done to, without ids: equal in every order's way.
        subject: what tells this call from the same step of another order; the same whenever a run is repeated.
        order: id of the order, if it is known.
        mail: correlation id of the mail that is sent or noted.
    """

    function: str
    service: str
    step: str
    subject: str
    order: str | None
    mail: str | None

    @property
    def sends_mail(self) -> bool:
        """Whether SES is asked to send."""
        return self.service == "ses"

    @property
    def notes_mail(self) -> bool:
        """Whether it is noted that a mail was sent."""
        return self.mail is not None and self.step.startswith("UpdateItem bbws-order-idempotency")


def identify(method: str, path: str, headers: Mapping[str, str], body: bytes, worker: Worker | None) -> Call:
    """The call that a request is; what it tells of its worker is kept there.

    Args:
        method: of HTTP.
        path: with the query.
        headers: names as they were sent.
        body: of the request.
        worker: the process that asks; None for a customer.
    """
    bare = path.partition("?")[0]
    if worker is None:
        return Call(CUSTOMER, "api", f"{method} {re.sub(_UUID, '*', bare)}", f"{bare} {_key(headers)}", None, None)
    if "Authorization" not in headers:
        return Call(worker.function, "cart", f"GET {bare.split('/')[2]}", bare, worker.order, None)
    # The host is the proxy's: it tells nothing, and is looked up in the models of every service of AWS.
    found = detect({name: value for name, value in headers.items() if name != "Host"}, method, bare, {}, body)
    service, operation = found.service or "", found.operation or method
    text = unquote_plus(bare + " " + body.decode("latin-1")) if service != "ses" else ""
    mail = _correlation_id(body) if service == "ses" else None
    order = _ORDER.search(text)
    note = _NOTE.search(text)
    if order:
        worker.order = order[1]
    elif worker.function == "create-order" and operation == "PutItem":
        # It begins with a note of the request; what it was at before is another order.
        worker.order = None
    if mail:
        worker.mail = mail
    target = _target(service, bare, found.resource, counts="COUNTER#" in text and order is None)
    subject = mail or (note[0] if note else None) or (order[1] if order else None) or target
    noted = worker.mail if note and "notifier" in worker.function else None
    return Call(worker.function, service, f"{operation} {target}".rstrip(), subject, worker.order, mail or noted)


def _key(headers: Mapping[str, str]) -> str:
    return headers.get("Idempotency-Key") or headers.get("If-Match") or ""


def _target(service: str, path: str, resource: str | None, counts: bool) -> str:
    if service == "s3":
        return re.sub(r"/[^/]+/orders/.*", "/*", path.lstrip("/"))
    return f"{resource or ''}{' counter' if counts else ''}" if service == "dynamodb" else ""


def _correlation_id(body: bytes) -> str | None:
    raw = parse_qs(body.decode("latin-1")).get("RawMessage.Data", [""])[0]
    value: str | None = email.message_from_bytes(base64.b64decode(raw))["X-Correlation-Id"]
    return value
