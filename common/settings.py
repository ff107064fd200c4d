"""The functions' settings from environment variables (docs/architecture.md), each read when it is used."""

import os


class MissingSettingError(Exception):
    """An environment variable that the function needs is not set."""


class _Setting:
    """A required environment variable; reading it raises MissingSettingError if it is not set."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> str:
        value = os.environ.get(self._name, "").strip()
        if not value:
            raise MissingSettingError(f"environment variable {self._name} is not set: see terraform/locals.tf")
        return value


class Settings:
    """The settings by name."""

    orders_table = _Setting("ORDERS_TABLE")
    idempotency_table = _Setting("IDEMPOTENCY_TABLE")
    order_creation_queue_url = _Setting("ORDER_CREATION_QUEUE_URL")
    order_events_topic_arn = _Setting("ORDER_EVENTS_TOPIC_ARN")
    orders_bucket = _Setting("ORDERS_BUCKET")
    templates_bucket = _Setting("TEMPLATES_BUCKET")
    mail_from = _Setting("MAIL_FROM")
    mail_reply_to = _Setting("MAIL_REPLY_TO")
    internal_notification_email = _Setting("INTERNAL_NOTIFICATION_EMAIL")
    cart_api_url = _Setting("CART_API_URL")
    # Before the first retry of a message that failed; doubles with each attempt.
    retry_delay_seconds = _Setting("RETRY_DELAY_SECONDS")

    @property
    def bucket_addressing(self) -> str:
        """Where links to objects have the bucket's name: `virtual`, in the host name, or `path`."""
        return os.environ.get("BUCKET_ADDRESSING") or "virtual"

    @property
    def cors_origin_pattern(self) -> str | None:
        """Regular expression of the origins whose pages may read responses; None if there are none."""
        return os.environ.get("CORS_ORIGIN_PATTERN") or None

    @property
    def mail_configuration_set(self) -> str | None:
        """SES configuration set, through which bounces and complaints are reported; None where SES has none."""
        return os.environ.get("MAIL_CONFIGURATION_SET") or None


settings = Settings()
