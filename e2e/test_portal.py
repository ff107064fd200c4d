"""The demo portal in a browser: a page of one origin that calls the API of another."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from e2e.tenant import DEADLINE_SECONDS
from localstack import seed, up
from localstack import stack as stacks
from tooling.paths import ROOT

pytestmark = pytest.mark.sidecars

SCREENSHOTS = ROOT / "build" / "screenshots"
USER = seed.users()[1]["email"]
DELETED = "A cart that has been deleted"
WIDE, PHONE = {"width": 900, "height": 900}, {"width": 360, "height": 740}

Accept = Callable[[str, bytes], None]


@pytest.fixture(scope="module")
def address() -> str:
    """URL of the portal."""
    return up.start_page(stacks.require(), "portal")


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The portal with a user signed in; errors of the browser fail the test."""
    problems: list[str] = []
    with browser.new_context(viewport={"width": WIDE["width"], "height": WIDE["height"]}) as context:
        page = context.new_page()
        page.set_default_timeout(DEADLINE_SECONDS * 1_000)
        expect.set_options(timeout=DEADLINE_SECONDS * 1_000)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(address)
        page.get_by_label("User").select_option(USER)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("status")).to_have_text(f"Signed in as {USER}.")
        yield page
    # The browser reports what the API refuses on purpose.
    assert [problem for problem in problems if "status of 400" not in problem] == []


def picture(page: Page, name: str) -> bytes:
    """Save a screenshot for people, and return it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.get_by_role("listitem").first.scroll_into_view_if_needed()
    return page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def test_portal_places_and_follows_order_and_downloads_its_invoice(
    page: Page, address: str, tmp_path: Path, accept_picture: Accept
) -> None:
    """A page of another origin places an order, shows it until its invoice is ready, and downloads that."""
    assert urlsplit(address).netloc != urlsplit(stacks.require().api_url).netloc
    preflights: list[str] = []
    page.on("request", lambda request: preflights.append(request.url) if "/v1.0/" in request.url else None)
    page.get_by_role("radio", name=re.compile("Rooibos")).check()
    page.get_by_role("button", name="Place the order").click()
    status = page.get_by_role("status")
    expect(status).to_have_text(re.compile(r"Order ORD-\d{4}-\d{5} is confirmed, and its invoice is ready\."))
    found = re.search(r"ORD-\d{4}-\d{5}", status.inner_text())
    assert found
    order = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=found[0]))
    expect(order).to_contain_text("waiting for payment")
    # As in the mails.
    expect(order).to_contain_text(re.compile(r"R\s[\d\s]+\.\d{2} including VAT"))
    accept_picture("portal-followed.png", picture(page, "portal-followed"))
    with page.expect_download() as downloading:
        order.get_by_role("button", name=f"Download invoice {found[0]}").click()
    downloading.value.save_as(tmp_path / "invoice.pdf")
    assert downloading.value.suggested_filename == f"{found[0]}.pdf"
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")
    expect(status).to_have_text(re.compile(rf"{found[0]}\.pdf was downloaded, \d+ KB\."))
    assert all(url.startswith(stacks.require().api_url) for url in preflights)


def test_portal_explains_rejected_order(page: Page, accept_picture: Accept) -> None:
    """An order of a cart that is gone is shown as rejected with the reason, and has no number and no invoice."""
    page.get_by_role("radio", name=DELETED).check()
    page.get_by_role("button", name="Place the order").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"We couldn't accept your order\. .+"))
    order = page.get_by_role("listitem").first
    expect(order).to_contain_text("rejected")
    expect(order.get_by_role("button")).to_have_count(0)
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    accept_picture("portal-rejected.png", picture(page, "portal-rejected"))


def test_portal_shows_problem_of_api(page: Page) -> None:
    """What the API refuses is shown as an alert with the id for support."""
    page.evaluate("document.querySelector('#carts input').value = 'not a cart id'")
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Place the order").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("cartId: ")
    expect(alert).to_contain_text(re.compile(r"Quote \S+ to support\."))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_portal_is_accessible_and_fits(page: Page, viewport: dict[str, int], scheme: str) -> None:
    """The page has no accessibility error that axe finds, in light and dark, and fits a phone."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_portal_works_with_the_keyboard_alone(browser: Browser, address: str) -> None:
    """Sign-in, cart and order need no mouse, and the focus moves to what came new."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_role("option")).to_have_count(len(seed.users()))
        page.keyboard.press("Tab")
        page.keyboard.type(USER[:3])
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Carts")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text(re.compile(r"Order ORD-"))
