"""Templates from the bucket, and the packaged copy if one is missing or broken."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from common import clients, templates
from common.observability import metrics
from common.settings import settings
from localstack.aws import Aws
from tests.support.samples import order
from tests.support.sdk_events import on

NAME = "customer/order_confirmation"


@pytest.fixture(autouse=True)
def _fresh(aws: Aws) -> Iterator[None]:
    templates._bucket.cache_clear()
    metrics.clear_metrics()
    yield
    templates._bucket.cache_clear()
    metrics.clear_metrics()
    for kind in ("html", "txt"):
        aws.s3.delete_object(Bucket=settings.templates_bucket, Key=f"{NAME}.{kind}")
    aws.s3.delete_object(Bucket=settings.templates_bucket, Key="mail/layout.html")


def put(source: str, kind: str = "html") -> None:
    clients.s3().put_object(Bucket=settings.templates_bucket, Key=f"{NAME}.{kind}", Body=source.encode())


ORDER = order(customer_email="a'b@example.com")


def render(kind: str = "html") -> str:
    return templates.render(f"{NAME}.{kind}", {"order": ORDER})


def packaged() -> str:
    return templates.render_packaged(f"{NAME}.html", {"order": ORDER})


def test_template_in_bucket_is_used() -> None:
    """A template in the bucket is used before the packaged one."""
    put("<p>{{ order.customer_email }}</p>")
    put("{{ order.customer_email }}", "txt")
    assert render() == "<p>a&#39;b@example.com</p>"
    assert render("txt") == "a'b@example.com"


def test_template_is_cached() -> None:
    """A template is read from the bucket once in a period."""
    put("first")
    assert render() == "first"
    put("second")
    assert render() == "first"


@pytest.mark.parametrize(
    "source",
    [
        "{% if %}",
        "{{ nothing.there }}",
        "{{ 1 / 0 }}",
        "{{ order.__class__.__mro__ }}",
        "{{ order.items | attr('pop')() }}",
        "{{ range(1000000000) | list }}",
    ],
)
def test_template_broken_falls_back(source: str) -> None:
    """A broken template is replaced by the packaged one, and counted."""
    put(source)
    assert render() == packaged()
    assert "TemplateFallback" in metrics.metric_set


def test_template_missing_falls_back() -> None:
    """A missing template is replaced by the packaged one, and counted."""
    assert render() == packaged()
    assert "TemplateFallback" in metrics.metric_set


def test_template_layout_in_bucket_is_used() -> None:
    """A layout in the bucket is used by the templates in the bucket; without it, the packaged copies are used."""
    put('{% extends "mail/layout.html" %}{% block headline %}Hello{% endblock %}')
    assert render() == packaged()
    layout = "<h1>{% block headline %}{% endblock %}</h1>"
    clients.s3().put_object(Bucket=settings.templates_bucket, Key="mail/layout.html", Body=layout.encode())
    assert render() == "<h1>Hello</h1>"


def test_template_bucket_unreachable_is_requested_once() -> None:
    """If S3 does not respond, one template waits for it, and the packaged ones are used for the rest of the period."""
    put("from the bucket")
    waits = 0

    def time_out(**_: Any) -> None:
        nonlocal waits
        waits += 1
        raise ConnectTimeoutError(endpoint_url=clients.s3().meta.endpoint_url)

    with on(clients.s3(), "before-call.s3.GetObject", time_out):
        mails = [(render(), render("txt")) for _ in range(10)]
    assert {html for html, _ in mails} == {packaged()}
    assert waits == 1
    assert render() == packaged()
    templates._bucket.cache_clear()
    assert render() == "from the bucket"
