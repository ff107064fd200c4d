"""Errors of the API as problem details (RFC 9457), and the one table of what an error of the domain is in HTTP."""

from http import HTTPStatus

from pydantic import ValidationError

from common.errors import (
    FieldError,
    ForbiddenTenantError,
    InvalidFieldsError,
    InvalidTransitionError,
    KeyInUseError,
    KeyReusedError,
    OrderNotFoundError,
    PaymentNotAcceptedError,
    RefusedError,
    StaleVersionError,
)

_STATUSES: dict[type[RefusedError], HTTPStatus] = {
    InvalidFieldsError: HTTPStatus.BAD_REQUEST,
    ForbiddenTenantError: HTTPStatus.FORBIDDEN,
    OrderNotFoundError: HTTPStatus.NOT_FOUND,
    InvalidTransitionError: HTTPStatus.CONFLICT,
    PaymentNotAcceptedError: HTTPStatus.CONFLICT,
    StaleVersionError: HTTPStatus.CONFLICT,
    KeyInUseError: HTTPStatus.CONFLICT,
    KeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
}


class ProblemError(Exception):
    """A response that reports a problem.

    Args:
        status: HTTP status of the response.
        detail: a sentence for the caller, without internals.
        errors: every invalid field.
        headers: additional headers of the response.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def body(self) -> dict[str, object]:
        """The members of the problem details object."""
        members: dict[str, object] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.errors:
            members["errors"] = [{"field": error.field, "detail": error.detail} for error in self.errors]
        return members


def from_refusal(error: RefusedError) -> ProblemError:
    """The problem that an error of the domain is in HTTP."""
    errors = tuple(error.errors) if isinstance(error, InvalidFieldsError) else ()
    headers = {"Retry-After": str(error.retry_after_seconds)} if error.retry_after_seconds else {}
    return ProblemError(_STATUSES[type(error)], error.detail, errors, headers)


def from_validation(error: ValidationError) -> ProblemError:
    """400 with every field that a model rejected."""
    return from_refusal(
        InvalidFieldsError(
            [
                FieldError(".".join(str(part) for part in e["loc"] if part != "__root__") or "body", e["msg"])
                for e in error.errors()
            ]
        )
    )
