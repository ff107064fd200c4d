"""The functions' settings from environment variables (docs/architecture.md), each read when it is used."""

import os


class MissingSettingError(Exception):
    """An environment variable that the function needs is not set."""


def _required(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise MissingSettingError(f"environment variable {name} is not set: Terraform's lambda module sets it")
    return value


class Settings:
    """Typed view of the environment.

    Raises:
        MissingSettingError: on access, if the variable is not set.
    """

    @property
    def orders_table(self) -> str:
        """Name of the orders table (R3)."""
        return _required("ORDERS_TABLE")

    @property
    def idempotency_table(self) -> str:
        """Name of the table with the idempotency records."""
        return _required("IDEMPOTENCY_TABLE")

    @property
    def order_creation_queue_url(self) -> str:
        """URL of the order creation queue (R2)."""
        return _required("ORDER_CREATION_QUEUE_URL")

    @property
    def order_events_topic_arn(self) -> str:
        """ARN of the order events topic (R2)."""
        return _required("ORDER_EVENTS_TOPIC_ARN")

    @property
    def orders_bucket(self) -> str:
        """Name of the bucket that holds the invoices (R6)."""
        return _required("ORDERS_BUCKET")

    @property
    def templates_bucket(self) -> str:
        """Name of the bucket that holds the templates (R6)."""
        return _required("TEMPLATES_BUCKET")

    @property
    def cart_api_url(self) -> str:
        """Base URL of the Cart service, without a trailing slash (R5)."""
        return _required("CART_API_URL").rstrip("/")

    @property
    def mail_from(self) -> str:
        """Sender of every mail (R7)."""
        return _required("MAIL_FROM")

    @property
    def mail_reply_to(self) -> str:
        """Reply-To of every mail (R7)."""
        return _required("MAIL_REPLY_TO")

    @property
    def internal_notification_email(self) -> str:
        """Address of the internal team (R7)."""
        return _required("INTERNAL_NOTIFICATION_EMAIL")

    @property
    def retry_delay_seconds(self) -> int:
        """Seconds before the first retry of a message that failed; doubles with each attempt."""
        return int(_required("RETRY_DELAY_SECONDS"))


settings = Settings()
