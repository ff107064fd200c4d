"""Accepting an order: its id, its message, and the same answer to the same request."""

import hashlib
import re
from http import HTTPStatus
from uuid import UUID, uuid4, uuid5

from aws_lambda_powertools.utilities.idempotency import idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients, events, idempotency
from common.models import Identifier, OrderRequest
from common.observability import correlation_id, count, logger
from common.settings import settings
from functions.adapters.problem_details import FieldError, ProblemError, invalid
from functions.adapters.rest import Caller

_NAMESPACE = UUID("0b1f8d9e-5b0e-5c43-8f5e-5d1c7c1b7a52")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

_config = idempotency.request_config()
_store = idempotency.store(clients.dynamodb())
_sqs = clients.sqs()


def accept(caller: Caller, request: OrderRequest, idempotency_key: str | None, context: LambdaContext) -> str:
    """Queue an order and return its id.

    Raises:
        ProblemError: 400 for a malformed key, 422 for a key used with another body, 409 for one in use at this moment
            (draft-ietf-httpapi-idempotency-key-header, 2.7).
    """
    if idempotency_key is None:
        return _queue(caller, request, uuid4())
    if not _KEY.fullmatch(idempotency_key):
        raise invalid([FieldError("Idempotency-Key", "must be 1 to 255 visible ASCII characters")])
    _config.register_lambda_context(context)
    body = request.json()
    # The id follows from key and body: if this process dies between the queue's answer and the note of it,
    # the customer's retry asks for the same order again, and it is recorded once.
    digest = hashlib.sha256(body.encode()).hexdigest()
    order_id = uuid5(_NAMESPACE, f"{caller.tenant_id}\n{idempotency_key}\n{digest}")
    try:
        answered: str = _queue_once(
            identity={"tenantId": caller.tenant_id, "key": idempotency_key, "body": digest},
            caller=caller,
            request=request,
            order_id=order_id,
        )
        return answered
    except IdempotencyValidationError:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "This Idempotency-Key was used with another body; use a new key."
        ) from None
    except IdempotencyAlreadyInProgressError:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "A request with this Idempotency-Key is being handled; try again.",
            headers={"Retry-After": "1"},
        ) from None


@idempotent_function(data_keyword_argument="identity", persistence_store=_store, config=_config)  # type: ignore[untyped-decorator]
def _queue_once(*, identity: dict[str, str], caller: Caller, request: OrderRequest, order_id: UUID) -> str:
    return _queue(caller, request, order_id)


def _queue(caller: Caller, request: OrderRequest, order_id: UUID) -> str:
    payload = events.OrderCreationRequested(
        order_id=order_id, tenant_id=Identifier(caller.tenant_id), created_by=caller.subject, order=request
    )
    events.send(_sqs, settings.order_creation_queue_url, events.order_creation_requested(payload, correlation_id()))
    count("OrdersAccepted")
    logger.info("order accepted", order_id=str(order_id), tenant_id=caller.tenant_id)
    return str(order_id)
