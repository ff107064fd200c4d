"""Hostile texts in an order stay text: in mails, in the invoice and in their HTML."""

import io
import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pypdfium2
import pytest

from common import invoice, mail, templates
from common.field_types import Amount
from common.mail_problem import MailKind, MailProblem, MailProblemType
from common.models import Address, Campaign, CartItem
from common.order import Order, OrderItem
from common.status import OrderStatus
from tests.support.samples import CREATED, address, draft, order, order_recorded

pytestmark = pytest.mark.slow("common", "templates", "tests/support", "requirements")

ORDER_ID = UUID("6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11")
HARMLESS = "Rooibos"
HOSTILE = {
    "template": "{{ 7*7 }} {% raw %} {# x #} ${7*7} #{7*7}",
    "sandbox": "{{ order.__class__.__mro__[1].__subclasses__() }}",
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "file": '<img src="file:///etc/passwd"><object data="file:///etc/passwd">',
    "internal": '<link rel="stylesheet" href="http://169.254.169.254/latest/meta-data/"><base href="http://10.0.0.1/">',
    "attachment": '<link rel="attachment" href="file:///etc/passwd">',
    "style": "</style><style>* { background: url(http://10.0.0.1/x) }</style>",
    "comment": "<!-- --> ]]> <![CDATA[ <?php ?>",
    "entity": "&lt;b&gt; &#60; &amp;amp;",
    "formula": '=HYPERLINK("http://10.0.0.1")|\' OR 1=1 --',
}
SCRIPTS = {
    "accents": "Zoë Ñandú Škoda ğ ő",
    "greek and cyrillic": "Τσάι Чай ї",
    "arabic": "شاي أخضر 250 غ",
    "hebrew": "תה ירוק 12",
    "both directions": "Tea שלום شاي 7",
    "emoji": "Tea ☕ 😀 ♥",
    "combining": "e\u0301 o\u0308 क्षि",
    "no font has it": "北京 茶 हिन्दी ไทย 🧉",
}


def hostile_order(text: str) -> Order:
    """An order with a text in all names from the Cart service, and in its address, where the model would refuse it."""
    item = CartItem.parse_obj({"productId": "p", "name": text, "quantity": 77, "unitPrice": "1.00"})
    validity = {"validFrom": CREATED, "validTo": CREATED}
    campaign = Campaign.parse_obj({"code": "C", "name": text[:200], "discountPercent": "10", **validity})
    lines = [OrderItem(**item.dict(), line_total=Amount("77.00")), *draft().items]
    found = order(order_id=ORDER_ID, items=lines, campaign=campaign, discount="1.00")
    place = Address.parse_obj(address()).copy(update={"street": text, "city": text, "province": text})
    return found.copy(update={"billing_address": place})


class Outline(HTMLParser):
    """The tags of a page with their attributes, and the text of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.tags.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.tags.append(("instruction", data))

    def unknown_decl(self, data: str) -> None:
        self.tags.append(("unknown", data))


@pytest.fixture(autouse=True)
def _packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice, "render", templates.render_packaged)
    monkeypatch.setattr(mail, "render", templates.render_packaged)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The URLs that are fetched while an invoice is rendered."""
    urls: list[str] = []
    fetch = invoice.AssetFetcher.fetch

    def record(self: Any, url: str, headers: Any = None) -> Any:
        urls.append(url)
        return fetch(self, url, headers)

    monkeypatch.setattr(invoice.AssetFetcher, "fetch", record)
    yield urls
    invoice._assets.cache_clear()


def mails(of: Order) -> list[Any]:
    """All mails of an order."""
    message = order_recorded(of, "c-1")
    problem = MailProblem(type=MailProblemType.COMPLAINT, mail=MailKind.CONFIRMATION, at=of.date_created)
    return [
        mail.order_confirmation(of, b"%PDF", message),
        mail.order_notification(of, message),
        mail.status_update(of, OrderStatus.PAID, message),
        mail.mail_problem(of, problem, message),
    ]


def pdf_text(pdf: bytes) -> str:
    """The text of a PDF as a PDF reader copies it."""
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    # U+FFFE is a hyphen at the end of a line.
    return " ".join(page.get_textpage().get_text_range() for page in document).replace("\ufffe", "-")


def squeezed(text: str) -> str:
    """A text without white space, which line breaks add and remove."""
    return re.sub(r"\s|\u00a0", "", text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_mail_hostile_text_stays_text(text: str) -> None:
    """A mail with a hostile text has the same tags and headers, and shows the text."""
    for harmless, hostile in zip(mails(hostile_order(HARMLESS)), mails(hostile_order(text)), strict=True):
        expected = Outline(harmless.get_body(("html",)).get_content())
        found = Outline(hostile.get_body(("html",)).get_content())
        assert found.tags == expected.tags
        assert found.text.replace(text, HARMLESS) == expected.text
        plain = hostile.get_body(("plain",)).get_content()
        assert plain.replace(text, HARMLESS) == harmless.get_body(("plain",)).get_content()
        assert dict(hostile.items()).keys() == dict(harmless.items()).keys()
        assert hostile["Subject"] == harmless["Subject"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_invoice_hostile_text_stays_text(text: str, fetched: list[str]) -> None:
    """An invoice with a hostile text loads nothing else, and shows the text."""
    harmless = pdf_text(invoice.render_invoice(hostile_order(HARMLESS)))
    assets = set(fetched)
    pdf = invoice.render_invoice(hostile_order(text))
    assert set(fetched) == assets
    assert all(url.startswith(invoice.ASSETS.as_uri() + "/") for url in assets)
    assert squeezed(pdf_text(pdf)).replace(squeezed(text), HARMLESS) == squeezed(harmless)
    assert b"/EmbeddedFile" not in pdf
    assert b"/JavaScript" not in pdf


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_invoice_any_script_can_be_copied(text: str) -> None:
    """A name in any script can be copied from the invoice."""
    found = pdf_text(invoice.render_invoice(hostile_order(text)))
    line = squeezed(found.partition("Amount")[2].partition("Rooibos")[0])
    expected = squeezed(f"{text} 77 R 1.00 R 77.00")
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in text):
        # PDF readers copy right-to-left lines in another order; no character is lost or replaced.
        assert sorted(line) == sorted(expected)
        assert max(re.findall(r"\w+", text), key=len) in found
    else:
        assert line == expected
