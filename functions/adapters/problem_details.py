"""Errors of the API as problem details (RFC 9457)."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import ValidationError


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of the request.

    Args:
        field: its path, such as `billingAddress.city`, or the name of a header or query parameter.
        detail: what is wrong, and the limit that it breaks.
    """

    field: str
    detail: str


class ProblemError(Exception):
    """An answer other than success.

    Args:
        status: of the answer.
        detail: a sentence for the caller; no internals.
        errors: every wrong field.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
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


def invalid(errors: Sequence[FieldError]) -> ProblemError:
    """400: fields of the request are wrong."""
    return ProblemError(HTTPStatus.BAD_REQUEST, "The request has invalid fields.", errors)


def from_validation(error: ValidationError) -> ProblemError:
    """400 with every field that a model refused."""
    return invalid(
        [
            FieldError(".".join(str(part) for part in e["loc"] if part != "__root__") or "body", e["msg"])
            for e in error.errors()
        ]
    )


NOT_FOUND_ORDER = "There is no such order."
