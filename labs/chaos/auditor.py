"""Checks the promises after a run: accepted orders against table, bucket, mailbox and queues. Uses no function."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from email import message_from_bytes
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any, NamedTuple

from boto3.dynamodb.types import TypeDeserializer
from rich.table import Column, Table

from common.correlation import CORRELATION_HEADER
from labs.chaos.load import Placed
from localstack.aws import Aws
from localstack.stack import Stack
from ops.queues import held

INTERNAL = "orders@kimmyai.io"
# Status of an order that is not on record yet, and of one that was rejected.
_ACCEPTED, _REJECTED = "ACCEPTED", "REJECTED"
_VAT = Decimal("0.15")
_SHOWN = 5
# Whether a promise holds for one order, and what to print if it does not.
Checks = Iterator[tuple[bool, str]]


class Finding(NamedTuple):
    """A promise, how often it was checked, and where it is broken."""

    promise: str
    checked: int
    broken: Sequence[str]

    @classmethod
    def of(cls, promise: str, checks: Checks) -> Finding:
        """The finding of a promise's checks."""
        made = list(checks)
        return cls(promise, len(made), [text for holds, text in made if not holds])


class Mail(NamedTuple):
    """A mail that arrived: recipient, and name and MD5 of each attachment."""

    to: str
    attachments: tuple[tuple[str, str], ...]


class Found(NamedTuple):
    """What a run left behind: orders, MD5 of every version of every invoice by key, mails by correlation id.

    Then recipient and correlation id of mails that may be sent twice, the numbers that the counter gave, the number of
    messages in each queue and DLQ, and ids of orders that are accepted, and neither recorded nor rejected.
    """

    records: Sequence[Mapping[str, Any]]
    invoices: Mapping[str, Sequence[str]]
    mails: Mapping[str, Sequence[Mail]]
    duplicates: Collection[tuple[str, str]] = ()
    numbers: range = range(0)
    messages: Mapping[str, int] = {}
    pending: Collection[str] = ()


class Auditor:
    """Audits one run, by the ids of its tenants, which no other run has."""

    def __init__(self, stack: Stack, tenants: Sequence[str]) -> None:
        self._aws, self._outputs, self._mail_dir = Aws(stack.endpoint), stack.outputs, stack.mail_dir
        self._tenants = tenants
        self._before = self._last_number()

    def _last_number(self) -> int:
        year = {"PK": {"S": "COUNTER#ORDER"}, "SK": {"S": "YEAR#2026"}}
        item = self._aws.dynamodb.get_item(TableName=self._outputs["orders_table"], Key=year, ConsistentRead=True)
        return int(item["Item"]["lastNumber"]["N"]) if "Item" in item else 0

    def audit(self, placed: Sequence[Placed], duplicates: Collection[tuple[str, str]] = ()) -> list[Finding]:
        """Check every promise for the orders that the API accepted.

        Duplicates are recipient and correlation id of mails that may be sent twice, since a process died or a response
        of SES was lost before the mail was marked as sent.
        """
        queues = [*self._outputs["queue_names"].values(), *self._outputs["dlq_names"].values()]
        items = [item for tenant in self._tenants for item in self._items(tenant)]
        found = Found(
            [item for item in items if item["status"] != _ACCEPTED],
            self._invoices(),
            self._mails({text for order in placed for text in (order.correlation, order.paid) if text}),
            duplicates,
            range(self._before + 1, self._last_number() + 1),
            {name: held(self._aws.sqs, name) for name in queues},
            # The marker has no more than its key, status, tenant and time.
            {item["SK"].removeprefix("ORDER#") for item in items if item["status"] == _ACCEPTED},
        )
        return [Finding.of(promise, checks(placed, found)) for promise, checks in PROMISES.items()]

    def _items(self, tenant: str) -> Iterator[dict[str, Any]]:
        pages = self._aws.dynamodb.get_paginator("query").paginate(
            TableName=self._outputs["orders_table"],
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": f"TENANT#{tenant}"}},
        )
        plain = TypeDeserializer().deserialize
        return ({name: plain(value) for name, value in item.items()} for page in pages for item in page["Items"])

    def _invoices(self) -> Mapping[str, list[str]]:
        found = defaultdict(list)
        pages = self._aws.s3.get_paginator("list_object_versions")
        for tenant in self._tenants:
            for page in pages.paginate(Bucket=self._outputs["orders_bucket"], Prefix=f"{tenant}/"):
                for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    found[version["Key"]].append(str(version.get("ETag", "")).strip('"'))
        return found

    def _mails(self, correlations: Collection[str]) -> Mapping[str, list[Mail]]:
        found: dict[str, list[Mail]] = defaultdict(list)
        for path in self._mail_dir.glob("*.eml"):
            content = path.read_bytes()
            correlation = BytesHeaderParser(policy=default).parsebytes(content)[CORRELATION_HEADER]
            if correlation in correlations:
                message = message_from_bytes(content, policy=default)
                parts = ((part.get_filename() or "", part.get_content()) for part in message.iter_attachments())
                # MD5 is S3's own checksum.
                attachments = tuple((name, hashlib.md5(pdf, usedforsecurity=False).hexdigest()) for name, pdf in parts)
                found[correlation].append(Mail(message["To"], attachments))
        return found


def _recorded(placed: Sequence[Placed], found: Found) -> Checks:
    statuses = {(record["tenantId"], record["id"]): record["status"] for record in found.records}
    for order in placed:
        status = statuses.get((order.tenant, order.order))
        yield status is not None, f"order {order.order} {_unrecorded(order, found)}"
        if status:
            yield (status == _REJECTED) is not bool(order.items), f"order {order.order} is {status}"


def _unrecorded(order: Placed, found: Found) -> str:
    """What is known of an order that has no record: whether it is marked as accepted, and which queues hold messages.

    A queue does not say which orders its messages belong to.
    """
    known = "is marked as accepted, and not recorded" if order.order in found.pending else "is not in the table"
    waiting = ", ".join(f"{count} in {name}" for name, count in found.messages.items() if count)
    return f"{known}; {f'messages: {waiting}' if waiting else 'no queue and no DLQ has messages'}"


def _recorded_once(placed: Sequence[Placed], found: Found) -> Checks:
    accepted = Counter(order.order for order in placed)
    for record in found.records:
        times = accepted[record["id"]]
        yield times == 1, f"order {record['id']} is recorded, and was accepted {times} times"


def _not_rejected(found: Found) -> list[Mapping[str, Any]]:
    return [record for record in found.records if record["status"] != _REJECTED]


def _numbered(_: Sequence[Placed], found: Found) -> Checks:
    numbers = Counter(int(record["orderNumber"].rpartition("-")[2]) for record in _not_rejected(found))
    for number in found.numbers:
        yield numbers[number] == 1, f"{numbers[number]} orders have number {number}"
    outside = [number for number in numbers if number not in found.numbers]
    yield not outside, f"numbers that the counter has not given: {outside}"


def _invoiced(placed: Sequence[Placed], found: Found) -> Checks:
    for record in _not_rejected(found):
        versions = found.invoices.get(record.get("invoiceKey", ""), [])
        yield len(versions) == 1, f"order {record['id']} has {len(versions)} invoices"
    orders = sum(bool(order.items) for order in placed)
    yield len(found.invoices) == orders, f"{len(found.invoices)} invoices of {orders} orders"


def _not_charged(_: Sequence[Placed], found: Found) -> Checks:
    for record in found.records:
        if record["status"] == _REJECTED:
            charged = {"orderNumber", "invoiceKey", "paymentDetails"} & record.keys()
            key = _invoice_key(record["tenantId"], record["id"])
            free = not charged and not record["items"] and not record["total"] and key not in found.invoices
            yield free, f"rejected order {record['id']} has {sorted(charged)}, total {record['total']}"


def _invoice_key(tenant: str, order: str) -> str:
    return f"{tenant}/orders/order_{order}.pdf"


def _mailed(placed: Sequence[Placed], found: Found) -> Checks:
    for order in placed:
        mails = [(order.email, order.correlation)]
        mails += [(INTERNAL, order.correlation)] if order.items else []
        mails += [(order.email, order.paid)] if order.paid else []
        for to, correlation in mails:
            count = sum(mail.to == to for mail in found.mails.get(correlation, []))
            good = count >= 1 if (to, correlation) in found.duplicates else count == 1
            yield good, f"mail {correlation} to {to} arrived {count} times"


def _empty(_: Sequence[Placed], found: Found) -> Checks:
    for name, count in found.messages.items():
        yield count == 0, f"{name} has {count} messages"


def _isolated(placed: Sequence[Placed], found: Found) -> Checks:
    by_id = {record["id"]: record for record in found.records}
    for order in placed:
        if (record := by_id.get(order.order)) is None:
            continue
        key = _invoice_key(order.tenant, order.order) if order.items else None
        owner = (record["tenantId"], record["customerEmail"], record.get("invoiceKey"))
        yield owner == (order.tenant, order.email, key), f"order {order.order} belongs to {owner}"
        expected = {Mail(order.email, ())}
        if key:
            invoice = (f"{record['orderNumber']}.pdf", *found.invoices.get(key, [""])[:1])
            expected = {Mail(order.email, (invoice,)), Mail(INTERNAL, ())}  # type: ignore[arg-type]  # one version at most
        for mail in found.mails.get(order.correlation, []):
            yield mail in expected, f"mail {order.correlation} to {mail.to} has {mail.attachments}"


def _priced(placed: Sequence[Placed], found: Found) -> Checks:
    totals = {record["id"]: record["total"] for record in found.records}
    for order in placed:
        subtotal = sum((item["quantity"] * Decimal(item["unitPrice"]) for item in order.items), Decimal(0))
        total = subtotal + (subtotal * _VAT).quantize(Decimal("0.01"), ROUND_HALF_UP)
        if order.items and order.order in totals:
            yield totals[order.order] == total, f"order {order.order} costs {totals[order.order]}, its cart {total}"


PROMISES: Mapping[str, Callable[[Sequence[Placed], Found], Checks]] = {
    "an accepted order ends recorded or rejected": _recorded,
    "recorded once": _recorded_once,
    "numbered once, without gaps": _numbered,
    "invoiced once": _invoiced,
    "a rejected order is not numbered, invoiced or charged": _not_charged,
    "each mail at least once, twice only if its mark was lost": _mailed,
    "queues and DLQs empty": _empty,
    "a tenant sees only its own orders": _isolated,
    "prices come only from the Cart service": _priced,
}


def table(title: str, findings: Sequence[Finding]) -> Table:
    """The findings as a table for the terminal."""
    figures = (Column(name, justify="right") for name in ("checks", "broken"))
    shown = Table("promise", *figures, title=title, title_justify="left")
    for finding in findings:
        broken = "\n".join([str(len(finding.broken)), *finding.broken[:_SHOWN]])
        shown.add_row(finding.promise, str(finding.checked), f"[red]{broken}[/]" if finding.broken else broken)
    return shown
