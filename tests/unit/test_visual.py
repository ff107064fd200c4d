"""Mails and invoices look as reviewed; the comparison notices what a person would notice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageFilter

from common import invoice
from common.templates import only_packaged
from evidence.content import body
from localstack.preview.render import CONFIRMATION, NOTIFICATION, STATUS, Preview, message
from localstack.preview.samples import orders
from tests.support import pictures
from tests.support.pictures import VIEWS, Camera, Comparison, View, open_camera, pdf_pages, png

# Chromium takes half a minute of processor time for them.
pytestmark = pytest.mark.slow(
    *("common", "evidence", "functions", "localstack/preview", "templates"),
    *("tests/support", "tests/visual"),
)


@pytest.fixture(scope="module")
def camera(pytestconfig: pytest.Config) -> Iterator[Camera]:
    """Takes pictures; with --accept-pictures those of now become the reviewed ones first."""
    with open_camera() as camera:
        if pytestconfig.getoption("--accept-pictures"):
            pictures.accept(camera)
        yield camera


def html() -> str:
    return body(message(Preview(CONFIRMATION, "campaign")), "html")


def test_mails_look_as_reviewed(camera: Camera) -> None:
    """Mails look as they did when they were reviewed, and load nothing."""
    current = dict(pictures.mails(camera))
    assert [text for name, image in current.items() if (text := pictures.difference(name, image))] == []
    assert camera.refused == []
    assert {f"{name}.png" for name in current} == {
        path.name for path in pictures.REVIEWED.glob("*.png") if not path.name.startswith("invoice.")
    }


def test_invoices_look_as_reviewed() -> None:
    """Invoices look as they did when they were reviewed."""
    current = dict(pictures.invoices())
    assert [text for name, image in current.items() if (text := pictures.difference(name, image))] == []
    assert {f"{name}.png" for name in current} == {path.name for path in pictures.REVIEWED.glob("invoice.*.png")}


def test_reviewed_pictures_are_small() -> None:
    """The reviewed pictures take less than 1.5 MB."""
    assert sum(path.stat().st_size for path in pictures.REVIEWED.iterdir()) < 1_500_000


@pytest.mark.parametrize("view", [VIEWS[0], VIEWS[-1]], ids=str)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#0b6e6e", "#0b6e8e"),  # the brand's colour, a little bluer
        ("#5cc2c2", "#7cc2c2"),  # the same in the dark
        ("#5d6b7a", "#7d8b9a"),  # grey
        ("28px 32px 8px", "29px 32px 8px"),  # all lines one pixel lower
        ("10px 0 0", "11px 0 0"),  # the totals one pixel lower
        ("R\u00a0714.04", "R\u00a0714.05"),
        ("Thank you", "Thank yuo"),
        ("15px;line-height:22px", "15px;line-height:23px"),
    ],
)
def test_changed_mail_is_noticed(camera: Camera, view: View, old: str, new: str, tmp_path: Path) -> None:
    """A small change of a mail is noticed."""
    changed = html().replace(old, new)
    assert changed != html()
    seen_in = {"#0b6e6e": not view.dark, "#5d6b7a": not view.dark, "#5cc2c2": view.dark}.get(old, True)
    problem = pictures.difference(f"order-confirmation.campaign.{view}", camera.shoot(changed, view), tmp_path)
    assert bool(problem) == seen_in
    kinds = {path.name.split(".")[-2] for path in tmp_path.glob("*.png")}
    assert kinds == ({"expected", "actual", "diff"} if seen_in else set())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('class="parties"', 'class="parties" style="margin-top: 7.5mm"'),
        ('class="brand"', 'class="brand" style="color: #0b6e8e"'),
        ("Tax Invoice</h1>", "Tax Invioce</h1>"),
        ("714.04", "714.05"),
    ],
)
def test_changed_invoice_is_noticed(old: str, new: str, tmp_path: Path) -> None:
    """A small change of an invoice is noticed."""
    order = orders()["campaign"]
    with only_packaged():
        changed = invoice.invoice_html(order).replace(old, new)
    assert new in changed
    (page,) = pdf_pages(invoice.render_pdf(changed))
    problem = pictures.difference("invoice.campaign.page-1", page, tmp_path)
    assert problem is not None
    assert all(str(path) in problem for path in tmp_path.iterdir())


def picture() -> Image.Image:
    with Image.open(pictures.REVIEWED / "order-confirmation.campaign.light-640.png") as file:
        return file.convert("RGB")


def test_softer_edges_are_no_difference() -> None:
    """Slightly softer edges of letters are no difference."""
    # As between two versions of a font renderer: each pixel a fifth nearer to those around it.
    softer = Image.blend(picture(), picture().filter(ImageFilter.BoxBlur(1)), 0.2)
    comparison = Comparison(picture(), softer)
    assert softer.tobytes() != picture().tobytes()
    assert comparison.same


def test_other_size_is_a_difference() -> None:
    """Pictures of different sizes differ and are shown side by side."""
    taller = picture().resize((640, picture().height + 1))
    comparison = Comparison(picture(), taller)
    assert (comparison.share, comparison.same) == (1.0, False)
    assert comparison.picture().width == 1280


def test_unreviewed_picture_is_reported() -> None:
    """A picture that was never reviewed is reported."""
    assert "never reviewed" in (pictures.difference("nobody", picture()) or "")


def test_accept_writes_changed_pictures(camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepting writes changed pictures and removes those without a template."""
    monkeypatch.setattr(pictures, "REVIEWED", tmp_path)
    monkeypatch.setattr(pictures, "DIFFERENCES", tmp_path / "differences")
    monkeypatch.setattr(pictures, "_DOCUMENTS", {})
    monkeypatch.setattr(pictures, "mails", lambda camera: iter(()))
    blank = Image.new("RGB", (10, 10), "white")
    monkeypatch.setattr(pictures, "invoices", lambda: iter([("same", blank), ("other", blank), ("new", blank)]))
    for name, colour in {"same": "white", "other": "red", "gone": "white"}.items():
        (tmp_path / f"{name}.png").write_bytes(png(Image.new("RGB", (10, 10), colour)))
    assert pictures.accept(camera) == ["other", "new"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {"same", "other", "new"}
    assert pictures.accept(camera) == []


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize(
    "preview",
    [Preview(CONFIRMATION, "campaign"), Preview(NOTIFICATION, "scripts"), Preview(STATUS, "refunded")],
    ids=lambda preview: preview.slug,
)
def test_mails_are_accessible(camera: Camera, preview: Preview, view: View) -> None:
    """Mails pass axe in light and dark, and fit a phone."""
    page = camera.open(body(message(preview), "html"), view)
    # A mail is not a page with landmarks; contrast, tables, language and headings are checked.
    rules = {"region": {"enabled": False}, "landmark-one-main": {"enabled": False}}
    found: Any = Axe().run(page, options={"rules": rules})
    assert [violation["id"] for violation in found.response["violations"]] == []
    # Nothing is wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth") <= view.width


def test_low_contrast_is_noticed(camera: Camera) -> None:
    """Contrast that is too low is noticed."""
    page = camera.open(html().replace("#5d6b7a", "#b0b8c0"), VIEWS[0])
    assert "color-contrast" in [violation["id"] for violation in Axe().run(page).response["violations"]]


def test_mail_loads_nothing(camera: Camera) -> None:
    """A mail cannot load anything."""
    camera.refused.clear()
    camera.shoot(html().replace("<h1", "<img src='http://example.invalid/x.png' alt='x'><h1"), VIEWS[0])
    assert camera.refused == ["http://example.invalid/x.png"]
    camera.refused.clear()
