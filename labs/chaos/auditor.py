"""Checks the promises after a run: accepted orders against table, bucket, mailbox and queues. Uses no function."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from email import message_from_bytes
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any, NamedTuple

from boto3.dynamodb.types import TypeDeserializer
from rich.table import Table

from labs.chaos.load import Placed
from localstack.aws import Aws
from localstack.stack import Stack
from ops.queues import held

INTERNAL = "orders@kimmyai.io"
_VAT = Decimal("0.15")
_SHOWN = 5


@dataclass
class Finding:
    """A promise, how often it was checked, and where it is broken."""

    promise: str
    checked: int = 0
    broken: list[str] = field(default_factory=list)

    def check(self, holds: bool, text: str) -> None:
        """Count a check, and keep the text if it fails."""
        self.checked += 1
        if not holds:
            self.broken.append(text)


class Mail(NamedTuple):
    """A mail that arrived: recipient, and name and MD5 of each attachment."""

    to: str
    attachments: tuple[tuple[str, str], ...]


class Found(NamedTuple):
    """What a run left behind: orders, MD5 of every version of every invoice by key, mails by correlation id."""

    records: Sequence[Mapping[str, Any]]
    invoices: Mapping[str, Sequence[str]]
    mails: Mapping[str, Sequence[Mail]]


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
        found = Found(
            [record for tenant in self._tenants for record in self._records(tenant)],
            {key: versions for tenant in self._tenants for key, versions in self._invoices(tenant).items()},
            self._mails({text for order in placed for text in (order.correlation, order.paid) if text}),
        )
        return [
            recorded(placed, found),
            recorded_once(placed, found),
            self._numbered(found),
            invoiced(placed, found),
            mailed(placed, found, duplicates),
            self._empty(),
            isolated(placed, found),
            priced(placed, found),
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
        found = defaultdict(list)
        pages = self._aws.s3.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._outputs["orders_bucket"], Prefix=f"{tenant}/"):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                found[version["Key"]].append(str(version.get("ETag", "")).strip('"'))
        return found

    def _mails(self, correlations: Collection[str]) -> Mapping[str, list[Mail]]:
        found: dict[str, list[Mail]] = defaultdict(list)
        for path in self._mail_dir.glob("*.eml"):
            content = path.read_bytes()
            correlation = BytesHeaderParser(policy=default).parsebytes(content)["X-Correlation-Id"]
            if correlation in correlations:
                message = message_from_bytes(content, policy=default)
                parts = ((part.get_filename() or "", part.get_content()) for part in message.iter_attachments())
                # MD5 is S3's own checksum.
                attachments = tuple((name, hashlib.md5(pdf, usedforsecurity=False).hexdigest()) for name, pdf in parts)
                found[correlation].append(Mail(message["To"], attachments))
        return found

    def _numbered(self, found: Found) -> Finding:
        finding = Finding("numbered once, without gaps")
        numbers = Counter(int(record["orderNumber"].rpartition("-")[2]) for record in found.records)
        last = self._last_number()
        for number in range(self._before + 1, last + 1):
            finding.check(numbers[number] == 1, f"{numbers[number]} orders have number {number}")
        outside = [number for number in numbers if not self._before < number <= last]
        finding.check(not outside, f"numbers that the counter has not given: {outside}")
        return finding

    def _empty(self) -> Finding:
        finding = Finding("queues and DLQs empty")
        for name in [*self._outputs["queue_names"].values(), *self._outputs["dlq_names"].values()]:
            count = held(self._aws.sqs, name)
            finding.check(count == 0, f"{name} has {count} messages")
        return finding


def recorded(placed: Sequence[Placed], found: Found) -> Finding:
    """Check that every accepted order is recorded."""
    finding = Finding("an accepted order is never lost")
    ids = {(record["tenantId"], record["id"]) for record in found.records}
    for order in placed:
        finding.check((order.tenant, order.order) in ids, f"order {order.order} is not in the table")
    return finding


def recorded_once(placed: Sequence[Placed], found: Found) -> Finding:
    """Check that every record is of one accepted order."""
    finding = Finding("recorded once")
    accepted = Counter(order.order for order in placed)
    for record in found.records:
        times = accepted[record["id"]]
        finding.check(times == 1, f"order {record['id']} is recorded, and was accepted {times} times")
    return finding


def invoiced(placed: Sequence[Placed], found: Found) -> Finding:
    """Check that every record has one invoice, in one version."""
    finding = Finding("invoiced once")
    for record in found.records:
        versions = found.invoices.get(record.get("invoiceKey", ""), [])
        finding.check(len(versions) == 1, f"order {record['id']} has {len(versions)} invoices")
    finding.check(len(found.invoices) == len(placed), f"{len(found.invoices)} invoices of {len(placed)} orders")
    return finding


def mailed(placed: Sequence[Placed], found: Found, duplicates: Collection[tuple[str, str]]) -> Finding:
    """Check that every mail arrived, and twice only if it may."""
    finding = Finding("each mail at least once, twice only if its mark was lost")
    for order in placed:
        mails = [(INTERNAL, order.correlation), (order.email, order.correlation)]
        mails += [(order.email, order.paid)] if order.paid else []
        for to, correlation in mails:
            count = sum(mail.to == to for mail in found.mails.get(correlation, []))
            good = count >= 1 if (to, correlation) in duplicates else count == 1
            finding.check(good, f"mail {correlation} to {to} arrived {count} times")
    return finding


def isolated(placed: Sequence[Placed], found: Found) -> Finding:
    """Check that records, invoices and mails belong to the tenant that placed the order."""
    finding = Finding("a tenant sees only its own orders")
    by_id = {record["id"]: record for record in found.records}
    for order in placed:
        if (record := by_id.get(order.order)) is None:
            continue
        key = f"{order.tenant}/orders/order_{order.order}.pdf"
        owner = (record["tenantId"], record["customerEmail"], record.get("invoiceKey"))
        finding.check(owner == (order.tenant, order.email, key), f"order {order.order} belongs to {owner}")
        invoice = (f"{record['orderNumber']}.pdf", *found.invoices.get(key, [""])[:1])
        expected = {Mail(order.email, (invoice,)), Mail(INTERNAL, ())}  # type: ignore[arg-type]  # one version at most
        for mail in found.mails.get(order.correlation, []):
            finding.check(mail in expected, f"mail {order.correlation} to {mail.to} has {mail.attachments}")
    return finding


def priced(placed: Sequence[Placed], found: Found) -> Finding:
    """Check that every total is that of the cart."""
    finding = Finding("prices come only from the Cart service")
    totals = {record["id"]: record["total"] for record in found.records}
    for order in placed:
        subtotal = sum((item["quantity"] * Decimal(item["unitPrice"]) for item in order.items), Decimal(0))
        total = subtotal + (subtotal * _VAT).quantize(Decimal("0.01"), ROUND_HALF_UP)
        if order.order in totals:
            actual = totals[order.order]
            finding.check(actual == total, f"order {order.order} costs {actual}, its cart {total}")
    return finding


def table(title: str, findings: Sequence[Finding]) -> Table:
    """The findings as a table for the terminal."""
    shown = Table("promise", title=title, title_justify="left")
    shown.add_column("checks", justify="right")
    shown.add_column("broken", justify="right")
    for finding in findings:
        broken = "\n".join([str(len(finding.broken)), *finding.broken[:_SHOWN]])
        shown.add_row(finding.promise, str(finding.checked), f"[red]{broken}[/]" if finding.broken else broken)
    return shown
