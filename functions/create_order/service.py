"""Accepting an order: gives it an id, queues it, and returns the same id for a repeated request."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency import exceptions as idempotency_errors
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from common import clients, events
from common.errors import KeyInUseError, KeyReusedError
from common.field_types import Identifier
from common.models import OrderRequest
from common.observability import correlation_id, count, logger
from common.order import Caller
from common.repository import OrderRepository
from common.settings import settings

_NAMESPACE = UUID("0b1f8d9e-5b0e-5c43-8f5e-5d1c7c1b7a52")

# Tenant and key identify a request, and its body must not change.
_config = IdempotencyConfig(
    event_key_jmespath="[tenantId, key]",
    payload_validation_jmespath="body",
    raise_on_no_idempotency_key=True,
    expires_after_seconds=24 * 60 * 60,
)
_records = DynamoDBPersistenceLayer(settings.idempotency_table, boto3_client=clients.dynamodb())
_repository = OrderRepository(clients.dynamodb_without_retries(), settings.orders_table)
_sqs = clients.sqs()


def accept(caller: Caller, request: OrderRequest, idempotency_key: str | None, context: LambdaContext) -> str:
    """Queue an order and return its id; with an idempotency key, once for each key.

    Raises:
        KeyReusedError: the key was used with another body (draft-ietf-httpapi-idempotency-key-header, 2.7).
        KeyInUseError: a request with this key is still being handled.
    """
    if idempotency_key is None:
        return _queue(caller, request, uuid4())
    # Powertools computes from it when the record of an unfinished request expires.
    _config.register_lambda_context(context)
    # The id is derived from key and body: if this process dies after queueing and before it stores the idempotency
    # record, a retry queues the same order again, and it is recorded once.
    digest = hashlib.sha256(request.json().encode()).hexdigest()
    try:
        order_id: str = _queue_once(
            identity={"tenantId": caller.tenant_id, "key": idempotency_key, "body": digest},
            caller=caller,
            request=request,
            order_id=uuid5(_NAMESPACE, f"{caller.tenant_id}\n{idempotency_key}\n{digest}"),
        )
        return order_id
    except idempotency_errors.IdempotencyValidationError:
        raise KeyReusedError from None
    except idempotency_errors.IdempotencyAlreadyInProgressError:
        raise KeyInUseError from None


@idempotent_function(data_keyword_argument="identity", persistence_store=_records, config=_config)  # type: ignore[untyped-decorator]
def _queue_once(*, identity: dict[str, str], caller: Caller, request: OrderRequest, order_id: UUID) -> str:
    return _queue(caller, request, order_id)


def _queue(caller: Caller, request: OrderRequest, order_id: UUID) -> str:
    event = events.OrderCreationRequested(
        order_id=order_id, tenant_id=Identifier(caller.tenant_id), created_by=caller.subject, order=request
    )
    events.send(_sqs, settings.order_creation_queue_url, event, correlation_id())
    try:
        # After the message: a marker promises that the order will be recorded.
        _repository.mark_accepted(caller.tenant_id, order_id, datetime.now(UTC))
    except (BotoCoreError, ClientError) as error:
        # The order is queued and will be recorded, so the caller must get its id; GET responds 404 until then.
        logger.warning("acceptance not shown", order_id=str(order_id), error_type=type(error).__name__)
    count("OrdersAccepted")
    logger.info("order accepted", order_id=str(order_id), tenant_id=caller.tenant_id)
    return str(order_id)
