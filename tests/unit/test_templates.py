"""The packaged templates, and the environment that renders them."""

from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from jinja2 import DictLoader, UndefinedError
from jinja2.exceptions import SecurityError

from common import templates
from common.errors import RejectionCode
from common.mail_problem import MailKind, MailProblem, MailProblemType
from tests.support.samples import CREATED, draft, order, rejected_order

MAILS = (
    "customer/order_confirmation",
    "customer/order_status_update",
    "internal/order_notification",
    "internal/mail_problem",
)


def context(**changes: Any) -> dict[str, Any]:
    problem = MailProblem(type=MailProblemType.COMPLAINT, mail=MailKind.STATUS, at=CREATED)
    return {"order": order(**changes), "status": "PAID", "problem": problem}


@pytest.mark.parametrize("name", MAILS)
@pytest.mark.parametrize("kind", ["html", "txt"])
def test_mail_contains_order_number(name: str, kind: str) -> None:
    """Each mail contains the order number."""
    assert "ORD-2026-00001" in templates.render_packaged(f"{name}.{kind}", context())


@pytest.mark.parametrize("code", RejectionCode)
@pytest.mark.parametrize("kind", ["html", "txt"])
def test_rejection_mail_contains_reason(code: RejectionCode, kind: str) -> None:
    """The mail about a rejected order says why, what to quote, and that nothing is to be paid."""
    rejected = rejected_order(code)
    assert rejected.rejection
    text = templates.render_packaged(f"customer/order_rejected.{kind}", {"order": rejected})
    for words in (rejected.rejection.detail, str(rejected.id), "there's nothing to pay"):
        assert words in unescape(text)


def test_template_html_is_escaped() -> None:
    """HTML is escaped and plain text is not."""
    items = draft().items
    evil = [items[0].copy(update={"name": "<b>Rooibos & {{ 7 * 7 }}</b>"})]
    html = templates.render_packaged("customer/order_confirmation.html", context(items=evil))
    text = templates.render_packaged("customer/order_confirmation.txt", context(items=evil))
    assert "&lt;b&gt;Rooibos &amp; {{ 7 * 7 }}&lt;/b&gt;" in html
    assert "<b>Rooibos & {{ 7 * 7 }}</b>" in text


def test_template_unknown_variable_fails() -> None:
    """A variable that the context does not have is an error."""
    with pytest.raises(UndefinedError):
        templates.render_packaged("customer/order_confirmation.html", {})


def test_template_unsafe_access_fails() -> None:
    """A template cannot access the internals of an object."""
    template = templates.environment(DictLoader({})).from_string("{{ order.__class__.__mro__ }}")
    with pytest.raises(SecurityError):
        template.render(context())


@pytest.mark.parametrize(
    ("amount", "text"), [("0", "R 0.00"), ("1234.5", "R 1 234.50"), ("1234567.89", "R 1 234 567.89")]
)
def test_money_has_south_african_format(amount: str, text: str) -> None:
    """Amounts are formatted as in South Africa."""
    assert templates.money(Decimal(amount)) == text.replace(" ", "\u00a0")


def test_date_is_south_african() -> None:
    """Dates and times are South African."""
    assert templates.date(datetime(2026, 12, 31, 22, 30, tzinfo=UTC)) == "1 January 2027"
    assert templates.date_time(datetime(2026, 11, 4, 5, 7, tzinfo=UTC)) == "4 November 2026, 07:07"
