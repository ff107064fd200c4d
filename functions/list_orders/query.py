"""The query parameters of the order list (R5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common import paging
from common.models import parse_moment
from common.repository import MAX_PAGE_SIZE, OrderFilter
from common.status import OrderStatus
from functions.adapters.problem_details import FieldError, invalid

DEFAULT_PAGE_SIZE = 50
_PARAMETERS = ("pageSize", "startAt", "status", "dateFrom", "dateTo")


@dataclass(frozen=True)
class ListQuery:
    """A validated query.

    Args:
        page_size: orders in the page.
        narrowed: status and dates.
        filters: the same as text, which the page's token is bound to.
        position: where the page begins; None for the first.
    """

    page_size: int
    narrowed: OrderFilter
    filters: dict[str, str | None]
    position: str | None


def parse_query(tenant_id: str, parameters: Mapping[str, str]) -> ListQuery:
    """The query parameters of a request.

    Raises:
        ProblemError: 400, naming every wrong parameter and its limit.
    """
    errors = [
        FieldError(name or "query", f"{name!r} is not a parameter; these are: {', '.join(_PARAMETERS)}")
        for name in parameters
        if name not in _PARAMETERS
    ]
    size_text = parameters.get("pageSize", str(DEFAULT_PAGE_SIZE))
    page_size = int(size_text) if size_text.isascii() and size_text.isdigit() and len(size_text) <= 3 else 0
    if not 1 <= page_size <= MAX_PAGE_SIZE:
        errors.append(FieldError("pageSize", f"must be a whole number from 1 to {MAX_PAGE_SIZE}"))
    status = parameters.get("status")
    if status is not None and status not in set(OrderStatus):
        errors.append(FieldError("status", f"must be one of {', '.join(OrderStatus)}"))
        status = None
    date_from = _moment("dateFrom", parameters, errors)
    date_to = _moment("dateTo", parameters, errors)
    if date_from and date_to and date_from > date_to:
        errors.append(FieldError("dateFrom", "must not be after dateTo"))
    filters = {name: parameters.get(name) for name in ("status", "dateFrom", "dateTo")}
    narrowed = OrderFilter(OrderStatus(status) if status else None, date_from, date_to)
    position = None
    if "startAt" in parameters:
        try:
            position = paging.decode(tenant_id, filters, parameters["startAt"])
            # Who knows how a token is made can make one of nonsense.
            if not narrowed.has(position):
                raise paging.InvalidTokenError("must be the startAt of an earlier page")
        except paging.InvalidTokenError as error:
            errors.append(FieldError("startAt", str(error)))
    if errors:
        raise invalid(errors)
    return ListQuery(page_size, narrowed, filters, position)


def _moment(name: str, parameters: Mapping[str, str], errors: list[FieldError]) -> datetime | None:
    text = parameters.get(name)
    if text is None:
        return None
    try:
        # A "+" of an offset that was not percent-encoded arrives as a space.
        return parse_moment(text.replace(" ", "+"))
    except ValueError:
        errors.append(FieldError(name, "must be RFC 3339 with an offset, such as 2026-11-24T00:00:00+02:00"))
        return None
