"""Jinja2 templates: from the bucket, or from the package if the one in the bucket is missing or broken."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from jinja2 import BaseLoader, FileSystemLoader, FunctionLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common import clients
from common.models import PaymentMethod
from common.numbering import SAST
from common.observability import count, logger
from common.settings import settings

PACKAGED = Path(__file__).resolve().parent.parent / "templates"
_CACHE_SECONDS = 300
_PAYMENT_METHODS = {
    PaymentMethod.CARD: "Card",
    PaymentMethod.EFT: "EFT",
    PaymentMethod.INSTANT_EFT: "Instant EFT",
}
_COUNTRIES = {"ZA": "South Africa"}
_only_packaged = ContextVar("only_packaged", default=False)


def money(amount: Decimal) -> str:
    """An amount in rand as South Africans write it, with non-breaking spaces: R 1 234.50."""
    return f"R\u00a0{amount:,.2f}".replace(",", "\u00a0")


def date(timestamp: datetime) -> str:
    """The day of a timestamp in South Africa: 24 November 2026."""
    local = timestamp.astimezone(SAST)
    return f"{local.day} {local:%B %Y}"


def date_time(timestamp: datetime) -> str:
    """A timestamp in South African time, to the minute."""
    return f"{date(timestamp)}, {timestamp.astimezone(SAST):%H:%M}"


def payment_method(method: PaymentMethod) -> str:
    """What people call a payment method: Instant EFT."""
    return _PAYMENT_METHODS[method]


def country(code: str) -> str:
    """The name of South Africa, and the code of any other country."""
    return _COUNTRIES.get(code, code)


def environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    """The Jinja2 environment of all templates: sandboxed, so that a template in the bucket cannot run code."""
    jinja = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    jinja.filters |= {"money": money, "date": date, "datetime": date_time}
    jinja.filters |= {"payment_method": payment_method, "country": country}
    return jinja


_packaged = environment(FileSystemLoader(PACKAGED))


class _Bucket:
    """The bucket as a source of templates; once S3 does not respond, it is not requested again."""

    def __init__(self) -> None:
        self._responds = True

    def read(self, name: str) -> str:
        """The source of a template. Raises BotoCoreError if S3 does not respond, ClientError if there is none."""
        if not self._responds:
            # Each template of each mail would wait for the timeouts again, longer than the function has.
            raise BotoCoreError
        try:
            return clients.s3().get_object(Bucket=settings.templates_bucket, Key=name)["Body"].read().decode()
        except BotoCoreError:
            self._responds = False
            raise


@lru_cache(maxsize=1)
def _bucket(period: int) -> ImmutableSandboxedEnvironment:
    """The bucket's templates, each read once per period: a change takes effect at the latest in the next period."""
    return environment(FunctionLoader(_Bucket().read))


def render_packaged(name: str, context: Mapping[str, object]) -> str:
    """Render the package's own copy of a template such as `customer/order_confirmation.html`, without AWS."""
    return _packaged.get_template(name).render(context)


@contextmanager
def only_packaged() -> Iterator[None]:
    """Inside this context, `render` uses the packaged templates and does not call AWS: for previews."""
    token = _only_packaged.set(True)
    try:
        yield
    finally:
        _only_packaged.reset(token)


def render(name: str, context: Mapping[str, object]) -> str:
    """Render a template from the bucket, or the packaged copy if one in the bucket is missing or broken.

    The metric TemplateFallback counts how often the packaged copy was used.
    The name is its path below templates/ and its key in the bucket.
    """
    if _only_packaged.get():
        return render_packaged(name, context)
    try:
        return _bucket(int(time.monotonic() // _CACHE_SECONDS)).get_template(name).render(context)
    except (BotoCoreError, ClientError, TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        count("TemplateFallback")
        logger.warning("packaged template used", template=name, error_type=type(error).__name__)
        return render_packaged(name, context)
