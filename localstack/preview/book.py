"""build/preview: a page for each template and sample, with what was rendered from them."""

import time
from itertools import groupby
from pathlib import Path

import jinja2

from evidence.content import rasterize
from localstack.preview.render import Preview, Rendered, previews, render
from tooling.files import write_whole
from tooling.paths import BASE_CSS, ROOT

BOOK = ROOT / "build" / "preview"
VERSION = "version"
# Both colour schemes, whichever the browser prefers: the condition of the rules for dark mode.
_SCHEMES = {"light": "not all", "dark": "all"}
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
)


def begin(folder: Path = BOOK) -> None:
    """Write a placeholder page to show while the first pages are rendered."""
    if not (folder / "index.html").exists():
        write_index(folder, {})


def write(folder: Path = BOOK) -> dict[Preview, Rendered]:
    """Render everything and write the pages."""
    results = {preview: render(preview) for preview in previews()}
    for preview, result in results.items():
        page = folder / preview.slug
        page.mkdir(parents=True, exist_ok=True)
        if not result.error:
            (page / "source.html").write_text(result.html)
            (page / "text.txt").write_text(result.text)
        if result.pdf:
            (page / "document.pdf").write_bytes(result.pdf)
            rasterize(result.pdf, 1, pages=1)[0].save(page / "first-page.png")
        for scheme, condition in _SCHEMES.items():
            (page / f"{scheme}.html").write_text(result.html.replace("(prefers-color-scheme: dark)", condition))
    write_index(folder, results)
    return results


def write_index(folder: Path, results: dict[Preview, Rendered], failure: str = "") -> None:
    """Write the HTML of all pages; the first page says why samples or code do not run."""
    folder.mkdir(parents=True, exist_ok=True)
    version, page = str(time.time_ns()), _PAGES.get_template("page.html")
    context = {"version": version, "style": BASE_CSS.read_text(), "failure": failure}
    for preview, result in results.items():
        content = page.render(context, preview=preview, result=result, groups={})
        write_whole(folder / preview.slug / "index.html", content)
    groups = {name: list(found) for name, found in groupby(results.items(), key=lambda entry: entry[0].template)}
    write_whole(folder / "index.html", page.render(context, preview=None, groups=groups))
    # Last: the browser reloads when it changes.
    write_whole(folder / VERSION, version)
