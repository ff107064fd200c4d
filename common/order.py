"""An order and its rules: who may access it, which changes it allows, and what a change does to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import root_validator

from common.errors import (
    InvalidTransitionError,
    OrderRejectedError,
    PaymentNotAcceptedError,
    RejectionCode,
    StaleVersionError,
)
from common.field_types import Amount, Email, Identifier, Timestamp, TransactionId
from common.mail_problem import MailProblem
from common.models import Address, Campaign, CartItem, Currency, Model, PaymentMethod, TolerantModel
from common.status import PAYMENT_STATUSES, TRANSITIONS, OrderStatus, can_transition

# The history of an order has its newest versions, as many as these: an item of the table has a maximum size.
MAX_HISTORY = 20


@dataclass(frozen=True)
class Caller:
    """The user that sent a request, from the verified token; `subject` is the user's id in Cognito."""

    subject: str
    tenant_id: str
    is_admin: bool

    def may_access(self, tenant_id: str) -> bool:
        """Whether the caller may access the orders of a tenant."""
        return self.is_admin or tenant_id == self.tenant_id


class PaymentDetails(Model):
    """How an order was paid."""

    method: PaymentMethod
    transaction_id: Identifier
    paid_at: Timestamp


class SubmittedPaymentDetails(PaymentDetails):
    """Payment details in a request."""

    # Checked in requests only: details on record must stay readable whatever the rule is today.
    transaction_id: TransactionId


class OrderUpdate(Model):
    """A change to an order: status, payment details, or both. An order can become PAID only with `paymentDetails`."""

    status: OrderStatus | None = None
    payment_details: SubmittedPaymentDetails | None = None

    class Config(Model.Config):
        schema_extra: ClassVar[dict[str, Any]] = {
            "not": {"properties": {"status": {"enum": ["PAID", None]}, "paymentDetails": {"type": "null"}}}
        }

    @root_validator(skip_on_failure=True)
    def _changes_something(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values["status"] is None and values["payment_details"] is None:
            raise ValueError("must have status, paymentDetails or both")
        if values["status"] is OrderStatus.PAID and values["payment_details"] is None:
            raise ValueError("must have paymentDetails when status is PAID")
        return values


class OrderItem(CartItem):
    """A line of an order."""

    line_total: Amount


class Rejection(TolerantModel):
    """Why an order was rejected: a code for programs, and a sentence for the customer."""

    code: RejectionCode
    detail: str


class HistoryEntry(TolerantModel):
    """A version of an order: when it was made and by whom, and the status and payment details that it set."""

    version: int
    at: datetime
    by: str
    status: OrderStatus | None = None
    payment_details: PaymentDetails | None = None


class OrderDraft(TolerantModel):
    """An order that is priced and has no number yet."""

    id: UUID
    tenant_id: Identifier
    customer_email: Email
    items: list[OrderItem]
    subtotal: Amount
    discount: Amount
    tax: Amount
    total: Amount
    currency: Currency
    status: OrderStatus = OrderStatus.PENDING_PAYMENT
    previous_status: OrderStatus | None = None
    date_status_changed: datetime | None = None
    campaign: Campaign | None = None
    billing_address: Address
    payment_method: PaymentMethod
    payment_details: PaymentDetails | None = None
    invoice_key: str | None = None
    mail_problems: list[MailProblem] | None = None
    date_created: datetime
    date_last_updated: datetime
    last_updated_by: str
    active: bool = True
    version: int = 1


class Order(OrderDraft):
    """An order on record. A rejected order has a rejection and no number; it was not priced, so it has no lines."""

    order_number: str | None = None
    rejection: Rejection | None = None
    # Of a rejected order only, which has no lines to recognise it by.
    cart_id: Identifier | None = None
    # The newest versions, oldest first; empty if the order is older than the history.
    history: list[HistoryEntry] = []  # noqa: RUF012 (pydantic copies it for each order)

    # What change() sets. The invoice's key and problems with mails are stored at any time, without a new version.
    CHANGEABLE: ClassVar[frozenset[str]] = frozenset(
        {"status", "previous_status", "payment_details", "date_status_changed"}
        | {"date_last_updated", "last_updated_by", "version", "history"}
    )

    @root_validator(skip_on_failure=True)
    def _numbered_or_rejected(cls, values: dict[str, Any]) -> dict[str, Any]:
        rejected = values["status"] is OrderStatus.REJECTED
        if rejected is not (values["rejection"] is not None) or rejected is (values["order_number"] is not None):
            raise ValueError("must have either an order number, or the status REJECTED with a rejection")
        if rejected and (values["items"] or values["invoice_key"] or values["payment_details"]):
            raise ValueError("must have neither lines, nor an invoice, nor a payment when it is rejected")
        return values

    @classmethod
    def of(cls, draft: OrderDraft, order_number: str) -> Self:
        """Make the order of a draft and its order number. A draft is valid, so the order is not validated again."""
        return cls.construct(**cls._begin(draft, order_number=order_number))

    @classmethod
    def rejected(cls, draft: OrderDraft, error: OrderRejectedError, cart_id: str) -> Self:
        """Make the order that is kept of a rejected request, from a draft without lines."""
        rejection = Rejection(code=error.code, detail=error.detail)
        return cls(**cls._begin(draft, status=OrderStatus.REJECTED, rejection=rejection, cart_id=cart_id))

    @staticmethod
    def _begin(draft: OrderDraft, **more: Any) -> dict[str, Any]:
        values = {**vars(draft), **more}
        by, at = draft.last_updated_by, draft.date_created
        return {**values, "history": [HistoryEntry(version=draft.version, at=at, by=by, status=values["status"])]}

    def change(self, change: OrderUpdate, *, expected_version: int, by: str, at: datetime) -> Self:
        """Return the order's next version, with a change applied to the version that the caller has read.

        Raises:
            StaleVersionError: the order has another version.
            InvalidTransitionError: the order cannot go to this status, or has it already.
            PaymentNotAcceptedError: it takes no payment details in its status or in the new one.
        """
        if self.version != expected_version:
            raise StaleVersionError
        status = change.status or self.status
        if change.status is self.status:
            raise InvalidTransitionError(f"The order is already {status}.")
        if change.status and not can_transition(self.status, status):
            allowed = ", ".join(sorted(TRANSITIONS[self.status])) or "none"
            raise InvalidTransitionError(f"An order that is {self.status} cannot become {status}. Allowed: {allowed}.")
        if change.payment_details and not {self.status, status} <= {*PAYMENT_STATUSES}:
            rule = f"Payment details are accepted only while an order is {' or '.join(PAYMENT_STATUSES)}."
            step = f"This change takes it from {self.status} to {status}."
            raise PaymentNotAcceptedError(f"{rule} {step if change.status else f'This order is {status}.'}")
        entry = HistoryEntry(
            version=self.version + 1, at=at, by=by, status=change.status, payment_details=change.payment_details
        )
        changed: dict[str, Any] = {"date_last_updated": at, "last_updated_by": by, "version": entry.version}
        changed["history"] = [*self.history, entry][-MAX_HISTORY:]
        if change.status:
            changed |= {"status": status, "previous_status": self.status, "date_status_changed": at}
        if change.payment_details:
            changed["payment_details"] = change.payment_details
        return self.copy(update=changed)

    def is_result_of(self, change: OrderUpdate, *, expected_version: int, by: str) -> bool:
        """Whether a change has already produced this version from `expected_version`, so that it is a retry."""
        return (
            self.version == expected_version + 1
            and self.last_updated_by == by
            and change.status in (None, self.status)
            and change.payment_details in (None, self.payment_details)
        )

    @property
    def has_new_status(self) -> bool:
        """Whether the latest change set the status, and not payment details alone."""
        return self.previous_status is not None and self.date_last_updated == self.date_status_changed
