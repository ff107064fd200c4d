"""The evidence pack in a browser: light and dark, on a phone and on paper, without a network."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from pypdf import PdfReader

from common import mail
from common.invoice import render_invoice
from common.status import OrderStatus
from evidence import page
from evidence.stages import RecordedTest, Stage, StepTime
from release.deploy import Change, Planned
from release.manifest import Sha256
from tests.support import browser as chromium
from tests.support.releases import make_release
from tests.support.samples import order, order_recorded
from tests.unit.test_evidence_pack import NOW, make_stage, pytest_run, recorded_test
from tests.unit.test_evidence_pack import mail as source
from tests.unit.test_evidence_pack import order as order_json
from tooling.agreed_limits import LIMITS, LOADS, STEPS, Load
from tooling.paths import ROOT

SCREENSHOTS = ROOT / "build" / "evidence" / "screenshots"


def times(loads: Collection[Load]) -> list[StepTime]:
    """Orders under some loads; 100 concurrent orders are over the limit."""
    random = Random(8)
    spans: dict[Load, tuple[int, float]] = {
        "one at a time": (10, 0.2),
        "alongside other tests": (60, 0.5),
        "100 concurrent orders": (100, 2.5),
    }
    return [
        StepTime(load=load, step=step, seconds=LIMITS[step] * spans[load][1] * random.uniform(0.2, 1.6))
        for load in loads
        for step in STEPS
        for _ in range(spans[load][0])
    ]


def stage(name: str, release_folder: Path, *more: RecordedTest) -> Stage:
    """A stage with everything that a pack shows; only the local stack has mails and several loads."""
    release = make_release(release_folder)
    tests = [
        recorded_test(file=f"e2e/test_{file}.py")
        for file in ("burst", "isolation", "order_flow", "status")
        for _ in "ab"
    ]
    run = pytest_run(*tests, *more, target=name, engine="embedded" if name == "local" else None)
    if name != "local":
        return make_stage(run, name=name, release=release, times=times(LOADS[1:2]))
    placed = order(customer_email="success+e2e-1@example.com", tenant_id="e2e-1")
    pdf, message = render_invoice(placed), order_recorded(placed, "e2e-1")
    mails = {
        "confirmation.eml": mail.order_confirmation(placed, pdf, message),
        "status.eml": mail.status_update(placed, OrderStatus.PAID, message),
        "internal.eml": mail.order_notification(placed, message),
    }
    exhibits = {file: content.as_bytes() for file, content in mails.items()}
    exhibits |= {"invoice.pdf": pdf, "order.json": order_json().replace(b"464.57", str(placed.total).encode())}
    return make_stage(run, name=name, release=release, times=times(LOADS), exhibits=exhibits)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with chromium.launch() as opened:
        yield opened


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack of a release that waits for approval for prod."""
    folder = tmp_path_factory.mktemp("pack")
    shown = [stage(name, folder / name) for name in ("local", "dev", "sit")]
    assert shown[0].release
    changes = [
        Change(address='aws_lambda_function.this["get_order"]', action="change", fields=["s3_key", "source_code_hash"]),
        Change(address="module.alerts.aws_sns_topic.this", action="add", fields=[]),
    ]
    planned = Planned(
        environment="prod", release=Sha256(shown[0].release.digest()), at=datetime.now(UTC), changes=changes
    )
    path = folder / "to-prod.html"
    path.write_text(page.render(shown, planned, datetime.now(UTC)))
    return path


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack of a run in which a test failed."""
    folder = tmp_path_factory.mktemp("failed")
    path = folder / "index.html"
    bad = recorded_test("failed", "Money is counted to the cent", message="assert '1.00' == '1.01'\n" + "x" * 400)
    path.write_text(page.render([stage("local", folder / "release", bad)], None, datetime.now(UTC)))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1180])
@pytest.mark.parametrize("which", ["pack", "failed"])
def test_pack_is_accessible(
    browser: Browser,
    request: pytest.FixtureRequest,
    accept_picture: Callable[[str, bytes], None],
    which: str,
    width: int,
    scheme: str,
) -> None:
    """The pack passes axe in light and dark, fits a phone, and loads nothing."""
    path: Path = request.getfixturevalue(which)
    opened = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    messages: list[str] = []
    requested: list[str] = []
    opened.on("console", lambda message: messages.append(message.text))
    opened.on("request", lambda request: requested.append(request.url))
    opened.goto(path.as_uri())
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = f"{which}-{scheme}-{width}"
    shot = opened.screenshot(path=SCREENSHOTS / f"{name}.png")
    if name == "pack-light-1180":
        accept_picture("evidence-top.png", shot)
        opened.evaluate("document.getElementById('customer').scrollIntoView()")
        accept_picture("evidence-customer.png", opened.screenshot())
    # It loads nothing but itself, and the browser reports no error.
    assert [url for url in requested if not url.startswith("data:")] == [path.as_uri()]
    assert messages == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0 && image.alt)")
    found = Axe().run(opened).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]][:3]) for each in found] == []
    opened.close()


def test_mail_loads_and_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    """A mail in the pack loads neither files nor URLs, and runs no script."""
    hostile = (
        f'<img src="{(ROOT / "docs/images/console-list.png").as_uri()}"><img src="http://127.0.0.1:9/x.png">'
        "<script>parent.document.title = top.document.title = 'run'</script><p>Thank you</p>"
    )
    path = tmp_path / "index.html"
    path.write_text(page.render([make_stage(exhibits={"confirmation.eml": source(body=hostile)})], None, NOW))
    opened = browser.new_page()
    responses: list[str] = []
    opened.on("response", lambda response: responses.append(response.url))
    opened.goto(path.as_uri())
    frame = opened.frames[1]
    assert frame.locator("p").inner_text() == "Thank you"
    assert frame.evaluate("[...document.images].map(image => image.naturalWidth)") == [0, 0]
    assert opened.title().startswith("Evidence pack")
    assert responses == [path.as_uri()]
    opened.close()


def test_pack_prints_with_collapsed_text(browser: Browser, pack: Path, tmp_path: Path) -> None:
    """The pack prints on A4, with the texts that are collapsed on screen."""
    opened = browser.new_page()
    opened.goto(pack.as_uri())
    opened.pdf(path=tmp_path / "pack.pdf", prefer_css_page_size=True)
    opened.close()
    reader = PdfReader(tmp_path / "pack.pdf")
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in reader.pages} == {(595, 842)}
    text = " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
    assert "What the customer gets" in text
    # Part of the mail's plain text, which is collapsed on screen.
    assert "Please pay R 402.50 by EFT and use" in text.replace("\u00a0", " ")
