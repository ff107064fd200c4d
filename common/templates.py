"""Jinja2 templates (R7): from S3, and from the package when S3 has none or a broken one."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common import clients
from common.numbering import SAST
from common.observability import count, logger
from common.settings import settings

PACKAGED = Path(__file__).resolve().parent.parent / "templates"
_CACHE_SECONDS = 300
_only_packaged = ContextVar("only_packaged", default=False)


def money(amount: Decimal) -> str:
    """An amount in rand as South Africans write it, with spaces that do not break: R 1 234.50."""
    return f"R\u00a0{amount:,.2f}".replace(",", "\u00a0")


def date(moment: datetime) -> str:
    """The day of a moment in South Africa: 24 November 2026."""
    local = moment.astimezone(SAST)
    return f"{local.day} {local:%B %Y}"


def date_time(moment: datetime) -> str:
    """A moment in South Africa, to the minute."""
    return f"{date(moment)}, {moment.astimezone(SAST):%H:%M}"


def _environment() -> ImmutableSandboxedEnvironment:
    # Sandboxed, since whoever may write to the bucket should not thereby run code.
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(PACKAGED),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"money": money, "date": date, "datetime": date_time}
    return environment


_jinja = _environment()
# A text template must not be escaped, so it has an environment of its own: from_string knows no file name.
_jinja_text = _jinja.overlay(autoescape=False)


def render_packaged(name: str, context: Mapping[str, object]) -> str:
    """Render the package's own copy of a template; asks nothing of AWS.

    Args:
        name: path below templates/, such as `customer/order_confirmation.html`.
        context: what the template may name.

    Raises:
        TemplateError: there is no such template, or it names something that the context does not have.
    """
    return _jinja.get_template(name).render(context)


@contextmanager
def only_packaged() -> Iterator[None]:
    """Within, `render` takes the packaged copies and asks nothing of AWS: for previews."""
    token = _only_packaged.set(True)
    try:
        yield
    finally:
        _only_packaged.reset(token)


def render(name: str, context: Mapping[str, object]) -> str:
    """Render a template from S3, or the packaged copy if the one in S3 is missing or broken (R7).

    The metric TemplateFallback counts the times that the packaged copy was used.

    Args:
        name: path below templates/, and key in the bucket.
        context: what the template may name.
    """
    if _only_packaged.get():
        return render_packaged(name, context)
    try:
        return _from_s3(name, int(time.monotonic() // _CACHE_SECONDS)).render(context)
    except (BotoCoreError, ClientError, TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        count("TemplateFallback")
        logger.warning("packaged template used", template=name, error_type=type(error).__name__)
        return render_packaged(name, context)


@cache
def _from_s3(name: str, period: int) -> Template:
    """The template in S3, read once in each period; a key of the cache, so that an old one is not used for ever."""
    source = clients.s3().get_object(Bucket=settings.templates_bucket, Key=name)["Body"].read().decode()
    return (_jinja if name.endswith(".html") else _jinja_text).from_string(source)
