"""What mail clients ask of HTML, and what our mails keep to (Can I email, Gmail's and Outlook's own documents)."""

import re
from html.parser import HTMLParser

import tinycss2

# Gmail clips a mail at 102 KB, images and attachments not counted.
MAX_BYTES = 100_000
# Outlook on Windows draws with Word, which knows tables and few other layouts.
_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "div", "table", "thead", "tbody", "tr", "th", "td"),
    *("h1", "p", "strong", "br", "img", "a", "span"),
}
_VOID = {"meta", "br", "img"}
_PROPERTIES_REFUSED = {"position", "float", "flex", "grid", "gap", "transform", "animation", "box-shadow"}
_DISPLAYS = {"none", "block", "inline", "inline-block"}
_LINKS = {"href", "src", "background", "action", "srcset", "poster", "data"}


class _Page(HTMLParser):
    """Collects problems tag by tag."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.open: list[str] = []
        self.meta: dict[str, str] = {}
        self.styles = ""
        self.layout_tables = 0

    def _say(self, text: str) -> None:
        self.problems.append(f"line {self.getpos()[0]}: {text}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in _TAGS:
            self._say(f"<{tag}> is not one of the tags that every mail client shows")
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "meta":
            self.meta[given.get("name", "")] = given.get("content", "")
        if tag == "html" and not given.get("lang"):
            self._say("<html> names no language")
        if tag == "img" and not given.get("alt"):
            self._say("<img> has no alt text, and most clients hide images at first")
        if tag == "table":
            self._table(given)
        for name, value in given.items():
            self._attribute(name, value)

    def _table(self, given: dict[str, str]) -> None:
        if not {"cellpadding", "cellspacing"} <= given.keys():
            self._say("<table> without cellpadding and cellspacing has gaps in Outlook")
        if given.get("role") == "presentation":
            self.layout_tables += 1

    def _attribute(self, name: str, value: str) -> None:
        if name.startswith("on"):
            self._say(f"{name} runs a script")
        if name in _LINKS and not value.startswith(("mailto:", "cid:", "#")):
            self._say(f"{name} loads or opens {value!r}, which is outside of the mail")
        if name == "style":
            for declaration in tinycss2.parse_declaration_list(value, skip_whitespace=True):
                self._declaration(declaration)

    def _declaration(self, declaration: tinycss2.ast.Node) -> None:
        if declaration.type != "declaration":
            self._say(f"style that is none: {declaration.message if declaration.type == 'error' else declaration.type}")
            return
        value = tinycss2.serialize(declaration.value).strip()
        if declaration.lower_name.partition("-")[0] in _PROPERTIES_REFUSED or (
            declaration.lower_name in _PROPERTIES_REFUSED
            or (declaration.lower_name == "display" and value not in _DISPLAYS)
        ):
            self._say(f"{declaration.name}: {value} is not laid out by Outlook")
        if re.search(r"url\(|expression\(|var\(", value):
            self._say(f"{declaration.name}: {value} loads something or is not known to all clients")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self._say(f"</{tag}> closes another tag")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.styles += data


def _style_problems(styles: str) -> list[str]:
    """Clients that drop <style> must lose nothing but dark mode and the narrow layout."""
    found, media = [], ""
    for rule in tinycss2.parse_stylesheet(styles, skip_comments=True, skip_whitespace=True):
        if rule.type != "at-rule" or rule.lower_at_keyword != "media":
            found.append(
                "<style> has a rule outside of @media: Gmail's apps drop it, so it belongs into style attributes"
            )
        else:
            media += tinycss2.serialize(rule.prelude)
    if "prefers-color-scheme: dark" not in media:
        found.append("<style> has no rules for dark mode")
    if re.search(r"url\(|@import|@font-face", styles):
        found.append("<style> loads something from outside")
    return found


def problems(html: str) -> list[str]:
    """What of a mail's HTML breaks a rule, each a sentence with its line if it has one; empty if nothing does."""
    page = _Page()
    page.feed(html)
    page.close()
    found = [*page.problems, *_style_problems(page.styles)]
    size = len(html.encode())
    if size >= MAX_BYTES:
        found.append(f"{size:,} bytes: Gmail clips a mail at 102 KB")
    for name in ("color-scheme", "supported-color-schemes"):
        if page.meta.get(name) != "light dark":
            found.append(f'<meta name="{name}" content="light dark"> is missing: Apple Mail would turn colours around')
    if page.open:
        found.append(f"never closed: {', '.join(page.open)}")
    if not page.layout_tables:
        found.append('no <table role="presentation">: Outlook lays out by tables only')
    return found
