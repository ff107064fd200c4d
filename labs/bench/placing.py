"""Places demo orders, and waits for their mails."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from labs.chaos.load import retried
from localstack import demo, seed
from localstack.mails import arrived_at
from localstack.stack import Stack
from tooling.order_client import OrderClient
from tooling.polling import poll

_CUSTOMERS = 8
# Mails of an order: to the customer and to the internal team.
MAILS: Final = 2


def send(stack: Stack, count: int) -> float:
    """Place demo orders, eight at a time, and return when the first was sent, in seconds since the epoch."""
    body = demo.order()

    def order(client: OrderClient) -> None:
        key = f"bench-{uuid.uuid4()}"
        # On a busy machine the SDK may repeat the claim of the key, and the API then responds 409: try again.
        retried(lambda: client.place(body, idempotency_key=key, correlation_id=key))

    token = seed.token(stack, body["customerEmail"])
    with OrderClient(stack.api_url, token, timeout=60) as client, ThreadPoolExecutor(_CUSTOMERS) as pool:
        began = time.time()
        list(pool.map(order, [client] * count))
    return began


def place(stack: Stack, count: int, seconds: float) -> float:
    """Place demo orders, and return the seconds from the first request to the last of their mails."""
    before = {path.name for path in stack.mail_dir.glob("*.eml")}
    began = send(stack, count)

    # Counted by their names, which have their times: reading the mails would take the processors from the functions.
    def mails() -> list[str] | None:
        new = [path.name for path in stack.mail_dir.glob("*.eml") if path.name not in before]
        return new if len(new) >= MAILS * count else None

    new = poll(f"{MAILS * count} mails", mails, seconds, interval=0.5)
    return max(arrived_at(stack.mail_dir / name) for name in new) - began
