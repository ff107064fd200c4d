"""Writes docs/openapi.json from the code, and docs/api.md from that with the template api.md.j2."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from release.openapi.document import document
from tooling.paths import ROOT

# A longer pattern is left out: the description of its field is enough.
_LONGEST_PATTERN = 50
_FORMATS = {"uuid": "UUID", "date-time": "timestamp (RFC 3339)"}


def contents() -> dict[str, str]:
    """The content of both files, by their path in the repository."""
    found = document()
    return {
        "docs/openapi.json": json.dumps(found, indent=2, ensure_ascii=False) + "\n",
        "docs/api.md": _render(found),
    }


def write() -> None:
    """Write both files."""
    for name, content in contents().items():
        (ROOT / name).write_text(content)
        print(f"wrote {name}")


def _render(document: dict[str, Any]) -> str:
    """Render the page of an OpenAPI 3.1 document that refers to its own components only."""

    def resolve(node: dict[str, Any]) -> dict[str, Any]:
        found: Any = document
        for part in node.get("$ref", "#").split("/")[1:]:
            found = found[part]
        return node if found is document else dict(found)

    def type_of(schema: dict[str, Any]) -> str:
        """The type of a value in words."""
        if "$ref" in schema:
            name, target = schema["$ref"].rpartition("/")[2], resolve(schema)
            overrides = {key: value for key, value in schema.items() if key != "$ref"}
            return f"[{name}](#{name.lower()})" if "properties" in target else type_of({**target, **overrides})
        if "anyOf" in schema:
            return " or ".join(map(type_of, schema["anyOf"]))
        if "const" in schema:
            return f"`{schema['const']}`"
        if "enum" in schema:
            words = " ".join(f"`{value}`" for value in schema["enum"])
        elif schema["type"] == "array":
            words = f"list of {type_of(schema['items'])}{_range(schema, 'Items')}"
        elif schema["type"] == "object":
            words = f"({', '.join(f'`{name}`' for name in schema['properties'])})"
        else:
            words = _FORMATS.get(schema.get("format", ""), schema["type"])
            words += _range(schema, "Length", " characters") + _range(schema, "imum")
            if len(pattern := schema.get("pattern", "")) in range(1, _LONGEST_PATTERN):
                words += " `{}`".format(pattern.replace("|", "\\|"))
        return f"{words}; default `{schema['default']}`" if "default" in schema else words

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Any] = {
        "fill": lambda path, given: path.format_map({each["name"]: each.get("example") for each in given}),
        "json": lambda content: json.dumps(content, indent=2, ensure_ascii=False),
        "phrase": lambda status: HTTPStatus(int(status)).phrase,
        "resolve": resolve,
        "type": type_of,
    }
    templates.filters |= filters
    return templates.get_template("api.md.j2").render(document)


def _range(schema: dict[str, Any], of: str, unit: str = "") -> str:
    low, high = schema.get(f"min{of}"), schema.get(f"max{of}")
    if low is None and high is None:
        return ""
    if high is None:
        return ", not empty" if unit and low == 1 else f", {low}{unit} or more"
    return f", {low} to {high}{unit}" if low is not None else f", at most {high}{unit}"
