"""Bodies of forms, such as those of SES and SNS: parsed once for a request, which MiniStack does up to eight times."""

import urllib.parse
from typing import Any

from ministack import app as gateway
from ministack.services import ses, sns

from localstack.ministack_patches.patching import Function, replaces

# The body that was parsed last, how, and its fields; replaced together, since threads share them.
_last: tuple[str, tuple[Any, ...], dict[str, list[str]]] = ("", (), {})


@replaces(gateway, "parse_qs")
@replaces(ses, "parse_qs")
@replaces(sns, "parse_qs")
# iam_actions imports it with each call.
@replaces(urllib.parse, "parse_qs")
def parse_once(parse: Function, text: str, *options: Any, **named: Any) -> dict[str, list[str]]:
    """Parse a form, unless it is the one that was parsed last; the result is the caller's own."""
    global _last
    how = (*options, *named.items())
    known, known_how, fields = _last
    if text != known or how != known_how:
        fields = parse(text, *options, **named)
        _last = text, how, fields
    return {name: [*values] for name, values in fields.items()}
