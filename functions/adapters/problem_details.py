"""Errors of the API as problem details (RFC 9457), and the one table that maps domain errors to HTTP statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from common import errors
from common.errors import FieldError, InvalidFieldsError, RefusedError

_STATUSES: dict[type[RefusedError], HTTPStatus] = {
    errors.InvalidFieldsError: HTTPStatus.BAD_REQUEST,
    errors.ForbiddenTenantError: HTTPStatus.FORBIDDEN,
    errors.OrderNotFoundError: HTTPStatus.NOT_FOUND,
    errors.OrderNotRecordedError: HTTPStatus.CONFLICT,
    errors.InvoiceNotReadyError: HTTPStatus.CONFLICT,
    errors.NoInvoiceError: HTTPStatus.NOT_FOUND,
    errors.InvalidTransitionError: HTTPStatus.CONFLICT,
    errors.PaymentNotAcceptedError: HTTPStatus.CONFLICT,
    errors.StaleVersionError: HTTPStatus.CONFLICT,
    errors.KeyInUseError: HTTPStatus.CONFLICT,
    errors.KeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
}


class ProblemError(Exception):
    """A response that reports a problem: its status, a sentence without internals, and every invalid field."""

    def __init__(self, status: HTTPStatus, detail: str, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = fields
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, object]:
        """The members of the problem details object."""
        members: dict[str, object] = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        errors = {"errors": [asdict(error) for error in self.errors]} if self.errors else {}
        return {**members, "detail": self.detail, **errors}


def from_refusal(error: RefusedError) -> ProblemError:
    """Convert a domain error to its HTTP problem."""
    problem = ProblemError(_STATUSES[type(error)], error.detail, getattr(error, "errors", ()))
    if error.retry_after_seconds:
        problem.headers["Retry-After"] = str(error.retry_after_seconds)
    return problem


def invalid_fields(error: ValidationError) -> InvalidFieldsError:
    """Every field that a model rejected."""
    return InvalidFieldsError(
        FieldError(".".join(str(part) for part in e["loc"] if part != "__root__") or "body", _rule(e))
        for e in error.errors()
    )


def _rule(error: Mapping[str, Any]) -> str:
    """The rule that a value breaks. The models have their own words for all but this one, which pydantic composes."""
    if error["type"] == "type_error.enum":
        return f"must be one of {', '.join(error['ctx']['enum_values'])}"
    rule: str = error["msg"]
    return rule
