"""Checks the promises after a run; knows the table, buckets, mailbox and queues, and what was accepted. No function."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from rich.table import Table

from labs.chaos.load import Placed
from localstack.aws import Aws
from localstack.stack import Stack
from ops.queues import held

INTERNAL = "orders@kimmyai.io"
_CENT = Decimal("0.01")
_VAT = Decimal("0.15")
_SHOWN = 5


@dataclass
class Finding:
    """A promise, how often it was checked, and where it is broken."""

    promise: str
    checked: int = 0
    broken: list[str] = field(default_factory=list)

    def check(self, holds: bool, text: str) -> None:
        """Count a check."""
        self.checked += 1
        if not holds:
            self.broken.append(text)


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived."""

    to: str
    subject: str
    attachments: tuple[tuple[str, str], ...]


class Auditor:
    """Audits one run.

    Args:
        stack: that ran.
        tenants: of the run; no other run has them.
    """

    def __init__(self, stack: Stack, tenants: Sequence[str]) -> None:
        self._aws = Aws(stack.endpoint)
        self._outputs = stack.outputs
        self._mail_dir = stack.mail_dir
        self._tenants = tenants
        self._before = self._last_number()

    def _last_number(self) -> int:
        year = {"PK": {"S": "COUNTER#ORDER"}, "SK": {"S": "YEAR#2026"}}
        item = self._aws.dynamodb.get_item(TableName=self._outputs["orders_table"], Key=year, ConsistentRead=True)
        return int(item["Item"]["lastNumber"]["N"]) if "Item" in item else 0

    def audit(self, placed: Sequence[Placed], twice: Collection[tuple[str, str]] = ()) -> list[Finding]:
        """Check every promise.

        Args:
            placed: what the API accepted.
            twice: recipients and correlation ids of mails that may be there more than once, since the process that
                sent one, or the answer of SES, was lost before the note of it.
        """
        records = {tenant: self._records(tenant) for tenant in self._tenants}
        invoices = {tenant: self._invoices(tenant) for tenant in self._tenants}
        mails = self._mails({text for order in placed for text in (order.correlation, order.paid) if text})
        return [
            kept(placed, records),
            recorded_once(placed, records),
            self._numbered(records),
            invoiced(placed, records, invoices),
            mailed(placed, mails, twice),
            self._set_aside(),
            own(placed, records, invoices, mails),
            priced(placed, records),
        ]

    def _records(self, tenant: str) -> list[dict[str, Any]]:
        pages = self._aws.dynamodb.get_paginator("query").paginate(
            TableName=self._outputs["orders_table"],
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": f"TENANT#{tenant}"}},
        )
        plain = TypeDeserializer().deserialize
        return [{name: plain(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def _invoices(self, tenant: str) -> dict[str, list[str]]:
        """The MD5 of every version of every object of a tenant, by key."""
        found = defaultdict(list)
        pages = self._aws.s3.get_paginator("list_object_versions").paginate(
            Bucket=self._outputs["orders_bucket"], Prefix=f"{tenant}/"
        )
        for page in pages:
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                found[version["Key"]].append(str(version.get("ETag", "")).strip('"'))
        return dict(found)

    def _mails(self, wanted: Collection[str]) -> Mapping[str, list[Mail]]:
        found: dict[str, list[Mail]] = defaultdict(list)
        for path in self._mail_dir.glob("*.eml"):
            content = path.read_bytes()
            correlation = BytesHeaderParser(policy=default).parsebytes(content)["X-Correlation-Id"]
            if correlation in wanted:
                found[correlation].append(_mail(message_from_bytes(content, policy=default)))
        return found

    def _numbered(self, records: Mapping[str, list[dict[str, Any]]]) -> Finding:
        finding = Finding("numbered once, without gaps")
        numbers = Counter(int(r["orderNumber"].rpartition("-")[2]) for items in records.values() for r in items)
        last = self._last_number()
        for number in range(self._before + 1, last + 1):
            finding.check(numbers[number] == 1, f"number {number} is there {numbers[number]} times")
        outside = [number for number in numbers if not self._before < number <= last]
        finding.check(not outside, f"numbers that the counter has not given: {outside}")
        return finding

    def _set_aside(self) -> Finding:
        finding = Finding("queues and DLQs empty")
        for name in [*self._outputs["queue_names"].values(), *self._outputs["dlq_names"].values()]:
            count = held(self._aws.sqs, name)
            finding.check(count == 0, f"{name} has {count} messages")
        return finding


def _mail(message: EmailMessage) -> Mail:
    attachments = tuple(
        (
            part.get_filename() or "",
            hashlib.md5(part.get_content(), usedforsecurity=False).hexdigest(),
        )  # S3's own checksum
        for part in message.iter_attachments()
    )
    return Mail(message["To"], message["Subject"], attachments)


def kept(placed: Sequence[Placed], records: Mapping[str, list[dict[str, Any]]]) -> Finding:
    """Whether every accepted order is on record."""
    finding = Finding("an accepted order is never lost")
    ids = {(tenant, record["id"]) for tenant, items in records.items() for record in items}
    for order in placed:
        finding.check((order.tenant, order.order) in ids, f"order {order.order} is not in the table")
    return finding


def recorded_once(placed: Sequence[Placed], records: Mapping[str, list[dict[str, Any]]]) -> Finding:
    """Whether every record is of one accepted order."""
    finding = Finding("recorded once")
    accepted = Counter(order.order for order in placed)
    for items in records.values():
        for record in items:
            finding.check(
                accepted[record["id"]] == 1, f"{record['id']} is on record, accepted {accepted[record['id']]} times"
            )
    return finding


def invoiced(
    placed: Sequence[Placed],
    records: Mapping[str, list[dict[str, Any]]],
    invoices: Mapping[str, dict[str, list[str]]],
) -> Finding:
    """Whether every record has one invoice, in one version."""
    finding = Finding("invoiced once")
    for tenant, items in records.items():
        for record in items:
            versions = invoices[tenant].get(record.get("invoiceKey", ""), [])
            finding.check(len(versions) == 1, f"order {record['id']} has {len(versions)} invoices")
    finding.check(sum(map(len, invoices.values())) == len(placed), "there are more invoices than orders")
    return finding


def _expected(order: Placed) -> Iterable[tuple[str, str]]:
    """Recipient and correlation id of each mail of an order."""
    yield INTERNAL, order.correlation
    yield order.email, order.correlation
    if order.paid:
        yield order.email, order.paid


def mailed(placed: Sequence[Placed], mails: Mapping[str, list[Mail]], twice: Collection[tuple[str, str]]) -> Finding:
    """Whether every mail came, and twice only if it may."""
    finding = Finding("each mail at least once, twice only if its note was lost")
    for order in placed:
        for to, correlation in _expected(order):
            count = sum(mail.to == to for mail in mails.get(correlation, []))
            good = count >= 1 if (to, correlation) in twice else count == 1
            finding.check(good, f"mail {correlation} to {to} came {count} times")
    return finding


def own(
    placed: Sequence[Placed],
    records: Mapping[str, list[dict[str, Any]]],
    invoices: Mapping[str, dict[str, list[str]]],
    mails: Mapping[str, list[Mail]],
) -> Finding:
    """Whether records, invoices and mails are of the tenant that placed the order."""
    finding = Finding("a tenant sees only its own")
    by_id = {record["id"]: record for items in records.values() for record in items}
    for order in placed:
        record = by_id.get(order.order)
        if record is None:
            continue
        key = f"{order.tenant}/orders/order_{order.order}.pdf"
        owner = (record["tenantId"], record["customerEmail"], record.get("invoiceKey"))
        finding.check(owner == (order.tenant, order.email, key), f"order {order.order} is of {owner}")
        attached = (f"{record['orderNumber']}.pdf", *invoices[order.tenant].get(key, [""])[:1])
        for mail in mails.get(order.correlation, []):
            fits = mail.to == order.email and mail.attachments == (attached,)
            internal = mail.to == INTERNAL and not mail.attachments
            finding.check(fits or internal, f"mail {order.correlation} to {mail.to} has {mail.attachments}")
    return finding


def priced(placed: Sequence[Placed], records: Mapping[str, list[dict[str, Any]]]) -> Finding:
    """Whether every total is what the cart comes to."""
    finding = Finding("prices come only from the Cart service")
    by_id = {record["id"]: record for items in records.values() for record in items}
    for order in placed:
        record = by_id.get(order.order)
        if record is None:
            continue
        subtotal = sum((item["quantity"] * Decimal(item["unitPrice"]) for item in order.items), Decimal(0))
        total = subtotal + (subtotal * _VAT).quantize(_CENT, ROUND_HALF_UP)
        finding.check(record["total"] == total, f"order {order.order} costs {record['total']}, the cart {total}")
    return finding


def table(title: str, findings: Sequence[Finding]) -> Table:
    """The audit, for people."""
    shown = Table(title=title, title_justify="left")
    for column in ("promise", "checks", "broken"):
        shown.add_column(column, justify="left" if column == "promise" else "right")
    for finding in findings:
        broken = "\n".join([str(len(finding.broken)), *finding.broken[:_SHOWN]]) if finding.broken else "0"
        shown.add_row(finding.promise, str(finding.checked), f"[red]{broken}[/]" if finding.broken else broken)
    return shown
