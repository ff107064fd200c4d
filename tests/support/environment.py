"""Sets the functions' environment as Terraform does, with free ports of this test process, and nothing of the shell."""

import os
from typing import Final

from localstack.processes import free_port
from localstack.stack import NO_AWS_FILES, SIGNATURE

ENGINE_PORT, CART_PORT = free_port(), free_port()

_ENVIRONMENT = {
    "ORDERS_TABLE": "bbws-customer-portal-orders-local",
    "IDEMPOTENCY_TABLE": "bbws-order-idempotency-local",
    "ORDER_CREATION_QUEUE_URL": "https://sqs.af-south-1.amazonaws.com/000000000000/bbws-order-creation-local",
    "ORDER_EVENTS_TOPIC_ARN": "arn:aws:sns:af-south-1:000000000000:bbws-order-events-local",
    "ORDERS_BUCKET": "bbws-orders-local",
    "TEMPLATES_BUCKET": "bbws-email-templates-local",
    "CART_API_URL": f"http://127.0.0.1:{CART_PORT}",
    "MAIL_FROM": "noreply@kimmyai.io",
    "MAIL_REPLY_TO": "support@kimmyai.io",
    "INTERNAL_NOTIFICATION_EMAIL": "orders@kimmyai.io",
    "RETRY_DELAY_SECONDS": "2",
    "POWERTOOLS_SERVICE_NAME": "order-lambda",
    "POWERTOOLS_METRICS_NAMESPACE": "OrderService",
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ENGINE_PORT}",
    "AWS_DEFAULT_REGION": "af-south-1",
    "AWS_ACCESS_KEY_ID": "000000000000",
    "AWS_SECRET_ACCESS_KEY": SIGNATURE,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def _take(*prefixes: str) -> dict[str, str]:
    return {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(prefixes)}


# What the shell sets for AWS, of which tests see nothing unless they test the account that it is signed in to.
_SHELL: Final = _take("AWS_")
# Settings of the functions' logger, and of colours.
_take("POWERTOOLS_", "LOG_LEVEL", "FORCE_COLOR", "NO_COLOR")
os.environ.update(NO_AWS_FILES | _ENVIRONMENT)
# In a job of GitHub, `bin/release` would ask GitHub who approved it.
os.environ.pop("GITHUB_ACTIONS", None)


def sign_in() -> None:
    """Call AWS as whom the shell is signed in to it, in place of an engine."""
    _take("AWS_")
    os.environ.update(_SHELL)
