"""The console in a real browser: orders as they move, a journey with its mails and invoice, a DLQ and its redrive."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from e2e.queues import FunctionQueue
from e2e.tenant import DEADLINE_SECONDS, ITEMS, Tenant, paid
from localstack import browser as chromium
from localstack import stack as stacks
from tooling.paths import ROOT

pytestmark = [pytest.mark.sidecars, pytest.mark.embedded]

SCREENSHOTS = ROOT / "build" / "screenshots"
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
NARROW = 320
PRODUCT = str(ITEMS[0]["name"])

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.flags())
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser complains of, and what pages ask of others; nothing, in the end."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def open_page(browser: Browser, complaints: list[str]) -> Iterator[Open]:
    """Opens pages of the console."""
    address = stacks.require().console_url

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def watch(request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(address).netloc:
            complaints.append(f"asked for {request.url}")

    def open_page(path: str = "/", viewport: dict[str, int] = WIDE, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": viewport["width"], "height": viewport["height"]},
            color_scheme="dark" if scheme == "dark" else "light",
            base_url=address,
        )
        page = context.new_page()
        page.set_default_timeout(DEADLINE_SECONDS * 1_000)
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", watch)
        page.goto(path)
        return page

    expect.set_options(timeout=DEADLINE_SECONDS * 1_000)
    yield open_page
    for context in browser.contexts:
        context.close()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot, for people."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def row_of(page: Page, order_id: str) -> str:
    """The selector of an order's row, once the order is mailed."""
    row = f"#row-{order_id}"
    expect(page.locator(row)).to_have_attribute("data-stage", "mailed")
    return row


def test_an_order_is_seen_moving_and_its_whole_journey_is_there(tenant: Tenant, open_page: Open) -> None:
    page, correlation_id = open_page(), f"e2e-{uuid4()}"
    expect(page.locator("#connection")).to_have_text("live")
    page.evaluate("window.loadedOnce = true")
    order_id = tenant.place(correlation_id)
    number = tenant.invoiced(order_id)["orderNumber"]
    row = row_of(page, order_id)
    expect(page.locator(row)).to_contain_text(number)
    expect(page.get_by_role("status")).to_have_text(re.compile("ORD|order"))
    picture(page, "list")
    assert page.evaluate("window.loadedOnce"), "the list came by loading the page again"

    page.locator(f"{row} a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(number)
    journey = page.get_by_role("region", name="Journey")
    for name in ("create_order", "order_creator_record", "order_pdf_creator", "order_internal_notification"):
        expect(journey.locator(".function .what").get_by_text(name, exact=True)).to_have_count(1)
    expect(journey.locator(".mail .what")).to_have_text(["internal mail caught", "confirmation caught"])
    expect(journey.locator(".queue").first).to_contain_text("derived")
    expect(page.locator(".promises")).not_to_contain_text("waiting")
    journey.get_by_text("Logs").click()
    for words in ("order accepted", "order recorded", "invoice created", "mail sent"):
        expect(journey.locator(".logs").get_by_text(words).first).to_be_visible()
    invoice = page.get_by_alt_text("First page of the invoice")
    invoice.scroll_into_view_if_needed()
    expect(invoice).to_have_js_property("complete", True)
    assert invoice.evaluate("picture => picture.naturalWidth") > 500
    page.evaluate("scrollTo(0, 0)")
    picture(page, "journey")
    page.emulate_media(color_scheme="dark")
    picture(page, "journey-dark")
    page.emulate_media(color_scheme="light")
    pdf = page.request.get(f"/orders/{order_id}/invoice.pdf")
    assert pdf.body().startswith(b"%PDF-")

    for subject, recipient in ((f"New order {number}", "orders@kimmyai.io"), (f"Your order {number}", tenant.email)):
        page.goto(f"/orders/{order_id}")
        page.get_by_role("link", name=subject).click()
        expect(page.locator(".facts")).to_contain_text(recipient)
        expect(page.locator(".facts")).to_contain_text(correlation_id)
        letter = page.frame_locator("iframe.letter")
        expect(letter.get_by_text(PRODUCT).first).to_be_visible()
        picture(page, "mail")
        page.get_by_role("link", name="Text", exact=True).click()
        expect(page.locator("pre.letter")).to_contain_text(PRODUCT)
        page.get_by_role("link", name="Source").click()
        expect(page.locator("pre.letter")).to_contain_text(f"X-Correlation-Id: {correlation_id}")


# It puts back all that is in the DLQ, where other tests wait for theirs.
@pytest.mark.alone
def test_a_message_set_aside_is_shown_and_put_back(tenant: Tenant, open_page: Open) -> None:
    cart_id, correlation_id = f"cart-{uuid4().hex}", f"e2e-{uuid4()}"
    order_id = tenant.place(correlation_id, cartId=cart_id)
    page = open_page("/queues")
    section = page.locator("section", has=page.get_by_role("heading", name="order_creator_record"))
    message = section.locator(".dlq details", has_text=order_id)
    expect(message).to_have_count(1)
    message.locator("summary").click()
    expect(message.locator("pre")).to_contain_text(correlation_id)
    picture(page, "queues")
    # A page that renews itself leaves open what was opened.
    with page.expect_response(re.compile("/queues$")):
        pass
    expect(message.locator("pre")).to_be_visible()

    tenant.put_cart(cartId=cart_id)
    section.get_by_role("button", name="Redrive").press("Enter")
    expect(page.get_by_role("status")).to_have_text(
        re.compile(r"[0-9]+ messages? put back on bbws-order-creation-local")
    )
    assert tenant.recorded(order_id)["id"] == order_id
    # The tries that failed are on the way that ended well.
    page.goto(f"/orders/{order_id}")
    expect(page.get_by_role("region", name="Journey").get_by_text("failed").first).to_be_visible()
    picture(page, "redriven")


def test_every_page_is_accessible_in_both_schemes_and_fits_a_phone(
    tenant: Tenant, open_page: Open, complaints: list[str]
) -> None:
    order = tenant.ordered()
    correlation_id, poison = f"e2e-{uuid4()}", f"console-{uuid4()}"
    tenant.change(order["id"], paid(), **{"X-Correlation-Id": correlation_id})
    tenant.mails(correlation_id, 1)
    assert tenant.platform.mailbox
    ((mail, _),) = tenant.platform.mailbox.find(correlation_id)
    pages = {
        "list": "/",
        "journey": f"/orders/{order['id']}",
        "mails": "/mails",
        "mail": f"/mails/{mail.stem}",
        "mail-source": f"/mails/{mail.stem}?as=source",
        "queues": "/queues",
        "alarms": "/alarms",
        "missing": "/nothing",
    }
    queue = FunctionQueue(tenant.platform, "order_internal_notification")
    queue.send([poison])
    with queue.dlq_message(poison):
        for scheme, viewport in (("light", WIDE), ("dark", PHONE)):
            page = open_page(scheme=scheme, viewport=viewport)
            row_of(page, order["id"])
            for name, path in pages.items():
                page.goto(path)
                picture(page, f"{name}-{scheme}-{viewport['width']}")
                page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
                where = f"{name}, {scheme}, {viewport['width']} px wide"
                results = Axe().run(page)
                assert results.violations_count == 0, f"{where}: {results.generate_report()}"
                for width in (viewport["width"], NARROW):
                    page.set_viewport_size({"width": width, "height": viewport["height"]})
                    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert beyond <= 0, f"{where}: {beyond} px beyond {width} px"
                page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
            assert [text for text in complaints if "404" not in text] == []
            assert len(complaints) == 1, "the page that is not there, and no other"
            complaints.clear()


def test_the_keyboard_is_enough(tenant: Tenant, open_page: Open) -> None:
    order_id = tenant.place()
    page = open_page()
    row = row_of(page, order_id)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    link = page.locator(f"{row} a")
    for _ in range(60):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    expect(link).to_be_focused()
    assert link.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    # A row that changes under the focus keeps it.
    tenant.recorded(order_id)
    tenant.change(order_id, paid())
    expect(page.locator(row)).to_contain_text("paid")
    expect(page.locator(f"{row} a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/orders/{order_id}$"))
    expect(page.locator("nav[aria-label=Main] [aria-current=page]")).to_have_text("Orders")
