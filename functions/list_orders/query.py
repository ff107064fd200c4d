"""The query parameters of the order list."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common import paging
from common.errors import FieldError, InvalidFieldsError
from common.field_types import parse_timestamp
from common.repository import MAX_PAGE_SIZE, OrderFilter
from common.status import OrderStatus

DEFAULT_PAGE_SIZE = 50
_FILTERS = ("status", "dateFrom", "dateTo")
_PARAMETERS = ("pageSize", "startAt", *_FILTERS)


@dataclass(frozen=True)
class ListQuery:
    """Validated query parameters; `scope` is the filters as text, which the page token is bound to."""

    page_size: int
    filters: OrderFilter
    scope: dict[str, str | None]
    position: str | None


def parse_query(tenant_id: str, parameters: Mapping[str, str]) -> ListQuery:
    """Parse the query parameters of a request, or raise InvalidFieldsError with every invalid one and its rule."""
    errors = [
        FieldError(name or "query", f"{name!r} is not a parameter; the parameters are {', '.join(_PARAMETERS)}")
        for name in parameters
        if name not in _PARAMETERS
    ]
    size_text = parameters.get("pageSize", str(DEFAULT_PAGE_SIZE))
    page_size = int(size_text) if re.fullmatch("[0-9]{1,3}", size_text) else 0
    if not 1 <= page_size <= MAX_PAGE_SIZE:
        errors.append(FieldError("pageSize", f"must be a whole number from 1 to {MAX_PAGE_SIZE}"))
    status = parameters.get("status")
    if status is not None and status not in set(OrderStatus):
        errors.append(FieldError("status", f"must be one of {', '.join(OrderStatus)}"))
        status = None
    date_from = _timestamp("dateFrom", parameters, errors)
    date_to = _timestamp("dateTo", parameters, errors)
    if date_from and date_to and date_from > date_to:
        errors.append(FieldError("dateFrom", "must not be after dateTo"))
    filters = OrderFilter(OrderStatus(status) if status else None, date_from, date_to)
    scope = {name: parameters.get(name) for name in _FILTERS}
    position = None
    if "startAt" in parameters:
        try:
            position = paging.decode(tenant_id, scope, parameters["startAt"])
            # Tokens are not signed: a caller can make one with any position.
            if not filters.contains(position):
                raise paging.InvalidTokenError("must be the startAt of an earlier page")
        except paging.InvalidTokenError as error:
            errors.append(FieldError("startAt", str(error)))
    if errors:
        raise InvalidFieldsError(errors)
    return ListQuery(page_size, filters, scope, position)


def _timestamp(name: str, parameters: Mapping[str, str], errors: list[FieldError]) -> datetime | None:
    text = parameters.get(name)
    if text is None:
        return None
    try:
        # The "+" of an offset arrives as a space if it was not percent-encoded.
        return parse_timestamp(text.replace(" ", "+"))
    except ValueError:
        detail = "must be an RFC 3339 timestamp with a UTC offset, such as 2026-11-24T00:00:00+02:00"
        errors.append(FieldError(name, detail))
        return None
