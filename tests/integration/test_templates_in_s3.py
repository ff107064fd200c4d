"""Templates from the bucket, and the packaged copy when the bucket has none or a broken one (R7)."""

from collections.abc import Iterator

import pytest

from common import clients, templates
from common.observability import metrics
from common.settings import settings
from localstack.aws import Aws
from tests.support.samples import order

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


def put(source: str, kind: str = "html") -> None:
    clients.s3().put_object(Bucket=settings.templates_bucket, Key=f"{NAME}.{kind}", Body=source.encode())


ORDER = order(customer_email="a'b@example.com")


def render(kind: str = "html") -> str:
    return templates.render(f"{NAME}.{kind}", {"order": ORDER})


def packaged() -> str:
    return templates.render_packaged(f"{NAME}.html", {"order": ORDER})


def test_the_buckets_copy_comes_first() -> None:
    put("<p>{{ order.customer_email }}</p>")
    put("{{ order.customer_email }}", "txt")
    assert render() == "<p>a&#39;b@example.com</p>"
    assert render("txt") == "a'b@example.com"


def test_it_is_read_once_in_a_while() -> None:
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
def test_a_broken_one_is_replaced_by_the_packaged_and_counted(source: str) -> None:
    put(source)
    assert render() == packaged()
    assert "TemplateFallback" in metrics.metric_set


def test_a_missing_one_is_too() -> None:
    assert render() == packaged()
    assert "TemplateFallback" in metrics.metric_set
