"""Errors of the domain: what a message consumer retries or not, and what the API refuses and why."""

from collections.abc import Iterable
from dataclasses import dataclass


class PermanentError(Exception):
    """A retry cannot help: the message is malformed, or names something that does not exist."""


class TransientError(Exception):
    """A retry can help, but not before `wait_seconds`: a service did not respond, or another writer was faster."""

    def __init__(self, text: str, wait_seconds: int = 0) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


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


class InvoiceNotReadyError(RefusedError):
    """The order is recorded, and its invoice is still being made."""

    detail = "The invoice is not ready yet. Try again in a moment."
    retry_after_seconds = 2


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
