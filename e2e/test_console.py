"""The console in a browser: live orders, the trace of an order with its mails and invoice, a DLQ and its redrive"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, expect

from e2e.queues import FunctionQueue
from e2e.tenant import DEADLINE_SECONDS, Tenant, cart_outage, paid
from labs.customers import ITEMS
from localstack import stack as stacks
from tooling.paths import ROOT

pytestmark = pytest.mark.sidecars

SCREENSHOTS = ROOT / "build" / "screenshots"
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
NARROW = 320
PRODUCT = str(ITEMS[0]["name"])

Open = Callable[..., Page]
Accept = Callable[[str, bytes], None]


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Errors of the browser and requests to other hosts; at the end there must be none."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def open_page(browser: Browser, complaints: list[str]) -> Iterator[Open]:
    """Opens pages of the console."""
    stack = stacks.require()
    address = stack.console_url
    # The page of the API calls the API.
    own = {urlsplit(url).netloc for url in (address, stack.endpoint)}

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def watch(request: Request) -> None:
        if urlsplit(request.url).scheme != "data" and urlsplit(request.url).netloc not in own:
            complaints.append(f"requested {request.url}")

    def open_page(path: str = "/", viewport: dict[str, int] = WIDE, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": viewport["width"], "height": viewport["height"]},
            color_scheme="dark" if scheme == "dark" else "light",
            # Rows that change fade for a second and a half, each frame of it computed without a GPU.
            reduced_motion="reduce",
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


def screenshot(page: Page, name: str) -> bytes:
    """Save a screenshot for people, and return it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def row_of(page: Page, order_id: str) -> str:
    """The selector of an order's row, once the order is mailed."""
    row = f"#row-{order_id}"
    expect(page.locator(row)).to_have_attribute("data-stage", "mailed")
    return row


def test_console_shows_live_order_and_trace(tenant: Tenant, open_page: Open, accept_picture: Accept) -> None:
    """The console shows a new order without a reload, its trace, its mails and its invoice."""
    page, correlation_id = open_page(), f"e2e-{uuid4()}"
    expect(page.locator("main")).to_have_class(re.compile(r"\bon\b"))
    page.evaluate("window.loadedOnce = true")
    order_id = tenant.place(correlation_id)
    number = tenant.invoiced(order_id)["orderNumber"]
    row = row_of(page, order_id)
    expect(page.locator(row)).to_contain_text(number)
    expect(page.get_by_role("status")).to_have_text(re.compile("ORD|order"))
    accept_picture("console-list.png", screenshot(page, "list"))
    assert page.evaluate("window.loadedOnce"), "the page was reloaded"
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    accept_picture("console-phone.png", screenshot(page, "phone"))
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})

    page.locator(f"{row} a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(number)
    trace = page.get_by_role("region", name="Trace", exact=True)
    for name in ("create_order", "order_creator_record", "order_pdf_creator", "order_internal_notification"):
        expect(trace.locator(".function .what").get_by_text(name, exact=True)).to_have_count(1)
    expect(trace.locator(".mail .what")).to_have_text(["internal mail", "customer mail"])
    expect(trace.locator(".queue").first).to_contain_text("derived")
    expect(page.locator(".limits")).not_to_contain_text("waiting")
    trace.get_by_text("Logs").click()
    for words in ("order accepted", "order recorded", "invoice created", "mail sent"):
        expect(trace.locator(".logs").get_by_text(words).first).to_be_visible()
    invoice = page.get_by_alt_text("First page of the invoice")
    invoice.scroll_into_view_if_needed()
    expect(invoice).to_have_js_property("complete", True)
    assert invoice.evaluate("picture => picture.naturalWidth") > 500
    page.evaluate("scrollTo(0, 0)")
    screenshot(page, "trace")
    page.emulate_media(color_scheme="dark")
    accept_picture("console-trace-dark.png", screenshot(page, "trace-dark"))
    page.emulate_media(color_scheme="light")
    pdf = page.request.get(f"/orders/{order_id}/invoice.pdf")
    assert pdf.body().startswith(b"%PDF-")

    for subject, recipient in ((f"New order {number}", "orders@kimmyai.io"), (f"Your order {number}", tenant.email)):
        page.goto(f"/orders/{order_id}")
        page.get_by_role("link", name=subject).click()
        expect(page.locator(".facts")).to_contain_text(recipient)
        expect(page.locator(".facts")).to_contain_text(correlation_id)
        letter = page.frame_locator("main iframe")
        expect(letter.get_by_text(PRODUCT).first).to_be_visible()
        accept_picture("console-mail.png", screenshot(page, "mail"))
        page.get_by_role("link", name="Text", exact=True).click()
        expect(page.locator("pre.letter")).to_contain_text(PRODUCT)
        page.get_by_role("link", name="Source").click()
        expect(page.locator("pre.letter")).to_contain_text(f"X-Correlation-Id: {correlation_id}")


def test_console_page_of_unread_order_becomes_its_page(tenant: Tenant, open_page: Open, complaints: list[str]) -> None:
    """The page of an order that the console has not read yet says so, and becomes the order's page by one reload."""
    page, order_id = open_page(), tenant.place()
    number = tenant.invoiced(order_id)["orderNumber"]
    unread = page.request.get(f"/orders/{uuid4()}")
    assert "No such order yet" in unread.text()
    impatient = unread.text().replace('data-refresh="2000"', 'data-refresh="50"')
    requests: list[Request] = []
    documents: list[Route] = []

    def respond(route: Route) -> None:
        requests.append(route.request)
        if not route.request.is_navigation_request():
            route.continue_()
            return
        documents.append(route)
        if len(documents) == 1:
            route.fulfill(response=unread, body=impatient)

    def is_reload(request: Request) -> bool:
        return request.is_navigation_request() and bool(documents)

    page.route(f"**/orders/{order_id}", respond)
    with page.expect_request(is_reload):
        page.goto(f"/orders/{order_id}")
    # The reload takes longer than several looks would: a second reload would only start it again.
    for _ in range(10):
        page.request.get(f"/orders/{order_id}")
    documents[1].continue_()
    expect(page.get_by_role("heading", level=1)).to_have_text(number)
    assert [request.is_navigation_request() for request in requests[:3]] == [True, False, True]
    assert len(complaints) == 1, "only the page that is 404 at first"
    complaints.clear()


@pytest.mark.needs("mail feedback")
def test_console_shows_bounced_mail(tenant: Tenant, open_page: Open) -> None:
    """An order whose confirmation bounced says so on its page."""
    page = open_page()
    order_id = tenant.place(customerEmail="bounce+console@simulator.amazonses.com")
    # The console reads the logs once a second, and has no page of an order before.
    page.locator(f"#row-{order_id} a").click()
    mails = page.get_by_role("region", name="Mails", exact=True)
    expect(mails).to_contain_text("confirmation bounced")
    expect(mails).to_contain_text("permanent")
    mails.scroll_into_view_if_needed()
    screenshot(page, "bounced")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_console_follows_a_link_that_is_pressed_during_a_refresh(tenant: Tenant, open_page: Open) -> None:
    """A link that is held down while the list changes leads to its order when it is released."""
    pressed, page = tenant.ordered(), open_page()
    page.locator(f"#row-{pressed['id']} a").hover()
    page.mouse.down()
    newer = tenant.place()
    # The second response comes after the page has handled the first.
    for _ in range(2):
        with page.expect_response(lambda response: newer in response.text()):
            pass
    page.mouse.up()
    expect(page.get_by_role("heading", level=1)).to_have_text(pressed["orderNumber"])


# It redrives the whole DLQ, in which other tests expect their messages.
@pytest.mark.alone
def test_console_redrives_failed_message(tenant: Tenant, open_page: Open, accept_picture: Accept) -> None:
    """The console shows a message in the DLQ and redrives it, and the trace shows the failed attempts."""
    cart_id, correlation_id = tenant.put_cart(), f"e2e-{uuid4()}"
    page = open_page("/queues")
    section = page.locator("section", has=page.get_by_role("heading", name="order_creator_record"))
    with cart_outage(tenant, cart_id, status=403):
        order_id = tenant.place(correlation_id, cartId=cart_id)
        message = section.locator(".dlq details", has_text=order_id)
        expect(message).to_have_count(1)
    message.locator("summary").click()
    expect(message.locator("pre")).to_contain_text(correlation_id)
    accept_picture("console-queues.png", screenshot(page, "queues"))
    # Refreshing the page keeps opened messages open.
    with page.expect_response(re.compile("/queues$")):
        pass
    expect(message.locator("pre")).to_be_visible()

    section.get_by_role("button", name="Redrive").press("Enter")
    expect(page.get_by_role("status")).to_have_text(
        re.compile(r"[0-9]+ messages? moved back to bbws-order-creation-local")
    )
    assert tenant.recorded(order_id)["id"] == order_id
    # The failed attempts are part of the trace.
    page.goto(f"/orders/{order_id}")
    expect(page.get_by_role("region", name="Trace", exact=True).get_by_text("failed").first).to_be_visible()
    accept_picture("console-trace.png", screenshot(page, "redriven"))


def test_console_explains_rejected_order(tenant: Tenant, open_page: Open) -> None:
    """The console lists a rejected order, and shows why it was rejected, its mail, and that nothing else follows."""
    order_id = tenant.place(f"e2e-{uuid4()}", cartId=f"cart-{uuid4().hex}")
    page = open_page()
    row = page.locator(f"#row-{order_id}")
    expect(row).to_have_attribute("data-stage", "rejected")
    expect(row).not_to_contain_text("waiting")
    row.locator("a").click()
    expect(page.locator(".facts")).to_contain_text("CART_NOT_FOUND")
    expect(page.locator(".facts")).to_contain_text("We couldn't find your cart.")
    expect(page.locator(".limits")).not_to_contain_text("waiting")
    expect(page.get_by_role("region", name="Trace", exact=True).locator(".mail .what")).to_have_text(["customer mail"])
    expect(page.get_by_text("None, since the order was rejected.")).to_be_visible()
    expect(page.get_by_role("region", name="History of the order")).to_contain_text("rejected")
    assert Axe().run(page).violations_count == 0
    screenshot(page, "rejected")
    page.get_by_role("link", name="We couldn't accept your order").click()
    expect(page.locator(".facts")).to_contain_text(tenant.email)
    expect(page.get_by_role("link", name=order_id)).to_be_visible()
    screenshot(page, "rejected-mail")


def test_console_api_page_places_an_order(open_page: Open) -> None:
    """The page of the API places the example order of the document as a seeded user, without signing in."""
    page = open_page("/api")
    operation = page.frame_locator("iframe").locator("#operations-orders-create_order")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    response = operation.locator(".live-responses-table")
    expect(response.locator(".response-col_status").nth(1)).to_contain_text("202")
    found = re.search(r'"orderId": "([0-9a-f-]{36})"', response.inner_text())
    screenshot(page, "api-placed")
    assert found, response.inner_text()
    row_of(open_page(), found[1])


def test_console_pages_are_accessible(tenant: Tenant, open_page: Open, complaints: list[str]) -> None:
    """Every page of the console passes axe in light and dark, and fits a window 320 px wide."""
    order = tenant.ordered()
    correlation_id, poison = f"e2e-{uuid4()}", f"console-{uuid4()}"
    tenant.change(order["id"], paid(), **{"X-Correlation-Id": correlation_id})
    tenant.mails(correlation_id, 1)
    assert tenant.platform.mailbox
    ((mail, _),) = tenant.platform.mailbox.find(correlation_id)
    pages = {
        "list": "/",
        "trace": f"/orders/{order['id']}",
        "mails": "/mails",
        "mail": f"/mails/{mail.stem}",
        "mail-source": f"/mails/{mail.stem}?as=source",
        "queues": "/queues",
        "alarms": "/alarms",
        "api": "/api",
        "missing": "/nothing",
    }
    queue = FunctionQueue(tenant.platform, "order_internal_notification")
    queue.send([poison])
    with queue.dlq_message(poison):
        for scheme, viewport in (("light", WIDE), ("dark", PHONE)):
            page = open_page(scheme=scheme, viewport=viewport)
            # The list shows the newest orders only, and other tests place many.
            expect(page.locator("[data-stage=mailed]").first).to_be_visible()
            for name, path in pages.items():
                page.goto(path)
                screenshot(page, f"{name}-{scheme}-{viewport['width']}")
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
            assert len(complaints) == 1, "only the page that does not exist"
            complaints.clear()


def test_console_works_by_keyboard(tenant: Tenant, open_page: Open) -> None:
    """The console can be used by keyboard alone, and a refresh keeps the focus."""
    order_id = tenant.place()
    page = open_page()
    row = row_of(page, order_id)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
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
    # A row that changes keeps the focus.
    tenant.recorded(order_id)
    tenant.change(order_id, paid())
    expect(page.locator(row)).to_contain_text("paid")
    expect(page.locator(f"{row} a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/orders/{order_id}$"))
    expect(page.locator("nav[aria-label=Main] [aria-current=page]")).to_have_text("Orders")
