"""Every mail keeps the rules of mail clients, and each rule notices a mail that breaks it."""

from functools import cache

import pytest

from common.order import Order
from evidence.content import body
from localstack.preview.render import CONFIRMATION, INVOICE, Preview, message, previews, render
from localstack.preview.samples import orders
from tests.support import mail_rules
from tests.unit.test_hostile_texts import HOSTILE, hostile_order

MAILS = [preview for preview in previews() if preview.template != INVOICE]


@cache
def good() -> str:
    return body(message(Preview(CONFIRMATION, "campaign")), "html")


@pytest.mark.parametrize("preview", MAILS, ids=lambda preview: preview.slug)
def test_mail_keeps_rules(preview: Preview) -> None:
    """Every mail keeps the rules of mail clients."""
    result = render(preview)
    assert result.error == ""
    assert mail_rules.problems(result.html) == []
    assert result.text.strip()


def test_longest_order_is_not_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest order stays below the size at which Gmail clips a mail."""
    longest = orders()["200-lines"]
    line = longest.items[0].copy(update={"name": "&" * 500})
    # & is the longest character when escaped.
    monkeypatch.setattr(
        "localstack.preview.render.orders", lambda: {"longest": longest.copy(update={"items": [line] * 1_000})}
    )
    result = render(Preview(CONFIRMATION, "longest"))
    assert mail_rules.problems(result.html) == []
    assert "and 950 more" in result.html
    assert result.text.count("&" * 500) == 1_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_break_no_rule(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile texts in an order break no rule."""
    hostile: dict[str, Order] = {"hostile": hostile_order(text)}
    monkeypatch.setattr("localstack.preview.render.orders", lambda: hostile)
    assert mail_rules.problems(render(Preview(CONFIRMATION, "hostile")).html) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<body", "<script>x()</script><body", "script is not one of the tags"),
        ("<body", "<body onload='x()'", "onload runs a script"),
        ("<h1", "<img src='cid:logo'><h1", "img has no alt text"),
        ("<h1", "<img src='https://example.com/x.png' alt='x'><h1", "outside of the mail"),
        ("<h1", "<a href='https://example.com'>x</a><h1", "outside of the mail"),
        ("background:#f3f5f8", "background:url(https://example.com/x.png)", "loads something"),
        ("margin:0 0 12px", "position:absolute", "not laid out by Outlook"),
        ("margin:0 0 12px", "display:flex", "not laid out by Outlook"),
        ("<style>", "<style>h1 { color: red }", "outside of @media"),
        ("prefers-color-scheme: dark", "prefers-color-scheme: light", "no rules for dark mode"),
        ('content="light dark"', 'content="light"', "Apple Mail"),
        (' role="presentation"', "", "no <table role"),
        (' cellspacing="0"', "", "gaps in Outlook"),
        ("</h1>", "", "closes another tag"),
        (' lang="en-ZA"', "", "names no language"),
        ("</body>", f"<p>{'x' * 100_000}</p></body>", "Gmail clips"),
    ],
)
def test_rule_notices_broken_mail(old: str, new: str, problem: str) -> None:
    """Each rule notices a mail that breaks it."""
    broken = good().replace(old, new)
    assert broken != good()
    assert [found for found in mail_rules.problems(broken) if problem in found]
