"""Rules that keep a mail readable in every mail client (sources: Can I email, Gmail's and Outlook's documentation)."""

import re
from html.parser import HTMLParser

import tinycss2

# Gmail clips a mail at 102 KB, without images and attachments.
MAX_BYTES = 100_000
_TAGS = "html|head|meta|title|style|body|div|table|thead|tbody|tr|th|td|h1|p|strong|br|img|a|span"
# Rendered mails escape all texts of orders, so a `<` always begins a tag. In each pattern the last group is reported.
_FORBIDDEN = {
    rf"<(?!/|!|(?:{_TAGS})\b)(\w+)": "is not one of the tags that every mail client shows",
    r"<[^>]*\s(on\w+)=": "runs a script",
    r"<(img)(?![^>]*\balt=[\"'][^\"'])": "has no alt text, and most clients hide images at first",
    r"<(html)(?![^>]*\slang=)": "names no language",
    r"<(table)(?![^>]*\bcellpadding=)": "without cellpadding has gaps in Outlook",
    r"<(table)(?![^>]*\bcellspacing=)": "without cellspacing has gaps in Outlook",
    r"<[^>]*\s((?:href|src|background|action|srcset|poster|data)=[\"'](?!mailto:|cid:|#)[^\"']*)": (
        "loads or opens something outside of the mail"
    ),
    r"<[^>]*\sstyle=[\"'][^\"']*\b((?:position|float|flex|grid|gap|transform|animation|box-shadow)[\w-]*:)": (
        "is not laid out by Outlook"
    ),
    r"<[^>]*\sstyle=[\"'][^\"']*\b(display:\s*(?!none|block|inline|inline-block)[\w-]+)": "is not laid out by Outlook",
    r"<[^>]*\sstyle=[\"'][^\"']*(url\(|expression\(|var\()": "loads something, or is unknown to some clients",
}
_REQUIRED = {
    r"prefers-color-scheme: dark": "<style> has no rules for dark mode",
    r'<meta name="color-scheme" content="light dark">': "color-scheme is missing: Apple Mail would invert colours",
    r'<meta name="supported-color-schemes" content="light dark">': "supported-color-schemes is missing (Apple Mail)",
    r'<table[^>]* role="presentation"': "no <table role=presentation>: Outlook lays out by tables only",
}


class _Nesting(HTMLParser):
    """Finds tags that are not closed in order, and collects stylesheets."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.styles = ""
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"line {self.getpos()[0]}: </{tag}> closes another tag")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.styles += data


def problems(html: str) -> list[str]:
    """The rules that a mail's HTML breaks, one sentence each; empty if it breaks none."""
    found = [
        f"line {html.count(chr(10), 0, match.start()) + 1}: {match[1]} {problem}"
        for pattern, problem in _FORBIDDEN.items()
        for match in re.finditer(pattern, html, re.IGNORECASE)
    ]
    found += [problem for pattern, problem in _REQUIRED.items() if not re.search(pattern, html)]
    nesting = _Nesting()
    nesting.feed(html)
    nesting.close()
    found += nesting.problems + ([f"never closed: {', '.join(nesting.open)}"] if nesting.open else [])
    rules = tinycss2.parse_stylesheet(nesting.styles, skip_comments=True, skip_whitespace=True)
    if any(rule.type != "at-rule" or rule.lower_at_keyword != "media" for rule in rules):
        found.append("<style> has a rule outside of @media: Gmail's apps drop it, so it belongs into style attributes")
    if re.search(r"url\(|@import|@font-face", nesting.styles):
        found.append("<style> loads something from outside")
    size = len(html.encode())
    return found + ([f"{size:,} bytes: Gmail clips a mail at 102 KB"] if size >= MAX_BYTES else [])
