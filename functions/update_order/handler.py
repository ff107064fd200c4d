"""PUT /v1.0/orders/{orderId}: status and payment details, with optimistic locking (R2)."""

import re
from http import HTTPStatus

from common.models import OrderUpdate
from functions.adapters import rest
from functions.adapters.problem_details import FieldError, ProblemError, invalid
from functions.update_order.service import update


def update_order(request: rest.Request) -> rest.Response:
    """Change an order that is still in the version named by If-Match."""
    order = update(
        caller=rest.caller(request),
        order_id=rest.parse_order_id(request.path["orderId"]),
        seen_version=_seen_version(request.header("if-match")),
        change=rest.parse_body(request, OrderUpdate),
    )
    return rest.json_response(HTTPStatus.OK, order, headers={"ETag": rest.etag(order)})


def _seen_version(if_match: str | None) -> int:
    if if_match is None:
        raise ProblemError(
            HTTPStatus.PRECONDITION_REQUIRED, "If-Match is required: send the ETag that GET of this order gave."
        )
    tag = re.fullmatch(r'\s*"([0-9]{1,9})"\s*', if_match)
    if not tag:
        raise invalid([FieldError("If-Match", 'must be one ETag that GET of this order gave, such as "1"')])
    return int(tag[1])


lambda_handler = rest.rest_handler("PUT", "/v1.0/orders/{orderId}", update_order)
