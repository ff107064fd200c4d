"""The pictures that somebody has looked at and found right: tests/visual, by name."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from localstack.preview.pictures import VIEWS, Camera, Comparison, View, of_pdf, png
from localstack.preview.render import CONFIRMATION, INVOICE, NOTIFICATION, STATUS, Rendered, Subject, render
from tooling.paths import ROOT

REVIEWED = ROOT / "tests" / "visual"
DIFFERENCES = ROOT / "build" / "visual"

_LIGHT, _DARK, _NARROW, _NARROW_DARK = VIEWS
# One picture for each thing that can go wrong by itself: layout, dark mode, width, long texts, scripts, page breaks.
_MAILS: list[tuple[Subject, list[View]]] = [
    (Subject(CONFIRMATION, "campaign"), VIEWS),
    (Subject(CONFIRMATION, "one-line"), [_LIGHT]),
    (Subject(CONFIRMATION, "scripts"), [_NARROW]),
    (Subject(CONFIRMATION, "long-names"), [_NARROW_DARK]),
    (Subject(NOTIFICATION, "campaign"), [_LIGHT, _NARROW_DARK]),
    (Subject(NOTIFICATION, "long-names"), [_DARK]),
    (Subject(STATUS, "paid"), [_LIGHT, _NARROW_DARK]),
    (Subject(STATUS, "expired"), [_DARK, _NARROW]),
]
# Pages count from 0; -1 is the last.
_INVOICES: list[tuple[Subject, list[int]]] = [
    (Subject(INVOICE, "one-line"), [0]),
    (Subject(INVOICE, "campaign"), [0]),
    (Subject(INVOICE, "scripts"), [0]),
    (Subject(INVOICE, "long-names"), [0, -1]),
    (Subject(INVOICE, "200-lines"), [0, -1]),
]


def _right(subject: Subject) -> Rendered:
    result = render(subject)
    if result.error:
        raise ValueError(f"{subject.slug}: {result.error}")
    return result


def mails(camera: Camera) -> Iterator[tuple[str, Image.Image]]:
    """The mails as they look now, by name.

    Raises:
        ValueError: one cannot be rendered; with the template's file and line.
    """
    for subject, views in _MAILS:
        html = _right(subject).html
        for view in views:
            yield f"{subject.slug}.{view}", camera.shoot(html, view)


def invoices() -> Iterator[tuple[str, Image.Image]]:
    """The pages of invoices as they look now, by name.

    Raises:
        ValueError: one cannot be rendered; with the template's file and line.
    """
    for subject, numbers in _INVOICES:
        pages = of_pdf(_right(subject).pdf)
        for number in numbers:
            yield f"{subject.slug}.{'last' if number < 0 else f'page-{number + 1}'}", pages[number]


def difference(name: str, actual: Image.Image, folder: Path = DIFFERENCES) -> str | None:
    """How a picture differs from the reviewed one, as a sentence with the paths of both and of their difference.

    Args:
        name: of the picture.
        actual: as it looks now.
        folder: to write the three pictures to if they differ.

    Returns:
        None if it does not differ.
    """
    reviewed = REVIEWED / f"{name}.png"
    written = {kind: folder / f"{name}.{kind}.png" for kind in ("expected", "actual", "diff")}
    for path in written.values():
        path.unlink(missing_ok=True)
    if not reviewed.exists():
        return f"{name} was never reviewed: look at it, and run `make preview ACCEPT=1` if it is right"
    with Image.open(reviewed) as file:
        comparison = Comparison(file.convert("RGB"), actual)
    if comparison.same:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    images = {"expected": comparison.expected, "actual": actual, "diff": comparison.picture()}
    for kind, path in written.items():
        path.write_bytes(png(images[kind]))
    paths = ", ".join(str(path) for path in written.values())
    return (
        f"{name} differs, in one place in {comparison.share:.0%} of the pixels: {paths}. "
        "If it is right: `make preview ACCEPT=1`"
    )


def accept() -> list[str]:
    """Take what differs, or was never reviewed, as reviewed; drop pictures that nobody takes any more.

    Returns:
        The names of the pictures that were written.

    Raises:
        BrowserError: there is no Chromium.
        ValueError: something cannot be rendered; with the template's file and line.
    """
    with Camera() as camera:
        drawn = dict([*mails(camera), *invoices()])
    REVIEWED.mkdir(parents=True, exist_ok=True)
    for path in REVIEWED.glob("*.png"):
        if path.stem not in drawn:
            path.unlink()
    changed = [name for name, image in drawn.items() if difference(name, image)]
    for name in changed:
        (REVIEWED / f"{name}.png").write_bytes(png(drawn[name]))
    return changed
