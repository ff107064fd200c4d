"""Errors of the domain: what a message consumer retries or not, why an order is rejected, what the API refuses."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class PermanentError(Exception):
    """A retry cannot help: the message is malformed, or a service responded with what nobody expects."""


class TransientError(Exception):
    """A retry can help, but not before `wait_seconds`: a service did not respond, or another writer was faster."""

    def __init__(self, text: str, wait_seconds: int = 0) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class RejectionCode(StrEnum):
    """Why an accepted order cannot be recorded as it was requested."""

    CART_NOT_FOUND = "CART_NOT_FOUND"
    CART_EMPTY = "CART_EMPTY"
    CART_INVALID = "CART_INVALID"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    ORDER_TOO_LARGE = "ORDER_TOO_LARGE"


_REJECTION_DETAILS = {
    RejectionCode.CART_NOT_FOUND: "We couldn't find your cart. Please add your items to a new cart and order again.",
    RejectionCode.CART_EMPTY: "Your cart was empty. Please add items to it and order again.",
    RejectionCode.CART_INVALID: (
        "Something in your cart can't be ordered. Please add your items to a new cart and order again."
    ),
    RejectionCode.CURRENCY_MISMATCH: (
        "Your cart isn't priced in rand, and we only sell in rand. Please add your items to a new cart and order again."
    ),
    RejectionCode.ORDER_TOO_LARGE: "Your order is too large. Please split it into smaller orders.",
}


class OrderRejectedError(Exception):
    """The order is rejected for its cart: a retry cannot help, and nothing is wrong with the platform.

    `detail` is for the customer, and says no more than the caller may know. `reason` is for the log.
    """

    def __init__(self, code: RejectionCode, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.detail = _REJECTION_DETAILS[code]
        self.reason = reason


class MalformedCampaignError(Exception):
    """A campaign cannot be read: its order gets no discount. The text is for the log."""


class RefusedError(Exception):
    """The service refuses a request; the detail is for the caller and contains no internals."""

    detail = ""
    retry_after_seconds: int | None = None

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)


@dataclass(frozen=True)
class FieldError:
    """A field such as `billingAddress.city`, or a header or query parameter, and the rule that its value breaks."""

    field: str
    detail: str


class InvalidFieldsError(RefusedError):
    """Fields of the request are invalid."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        super().__init__("The request has invalid fields.")
        self.errors = list(errors)


class OrderNotFoundError(RefusedError):
    """The order does not exist, or belongs to a tenant that the caller may not access."""

    detail = "There is no such order."


class OrderNotRecordedError(RefusedError):
    """The order is accepted and not recorded yet, so it cannot be changed."""

    detail = "The order is accepted and not recorded yet. Try again."
    retry_after_seconds = 1


class InvoiceNotReadyError(RefusedError):
    """The order is accepted, and its invoice is not made yet."""

    detail = "The invoice is not ready yet. Try again in a moment."
    retry_after_seconds = 2


class NoInvoiceError(RefusedError):
    """The order is rejected, so it never gets an invoice."""

    detail = "The order was rejected, so it has no invoice."


class ForbiddenTenantError(RefusedError):
    """The caller may not list the orders of this tenant."""

    detail = "These are another tenant's orders."


class StaleVersionError(RefusedError):
    """The order is no longer in the version that the caller has read."""

    detail = "The order has changed since you read it. Read it again and repeat the change."


class InvalidTransitionError(RefusedError):
    """The order cannot go from its status to the new one."""


class PaymentNotAcceptedError(RefusedError):
    """The order does not accept payment details in its status."""


class KeyReusedError(RefusedError):
    """The idempotency key was used with another request."""

    detail = "This Idempotency-Key was used with another body. Use a new key."


class KeyInUseError(RefusedError):
    """A request with the same idempotency key is still being handled."""

    detail = "A request with this Idempotency-Key is still being handled. Try again."
    retry_after_seconds = 1
