"""Writes the tables in the READMEs of the Terraform modules, in the layout of terraform-docs.

`python -m tests.support.module_readmes` updates them; tests/unit/test_module_readmes.py fails when one is out of date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tooling.paths import ROOT

BEGIN: Final = "<!-- BEGIN_TF_DOCS -->"
END: Final = "<!-- END_TF_DOCS -->"
_TERRAFORM = ROOT / "terraform"
_BLOCK = re.compile(
    r'^(variable|output|resource|module) "([\w-]+)"(?: "([\w-]+)")? \{\n(.*?)^\}', re.MULTILINE | re.DOTALL
)
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def folders() -> list[Path]:
    """The root module, bootstrap, and each module."""
    return [_TERRAFORM, _TERRAFORM / "bootstrap", *sorted(path.parent for path in _TERRAFORM.glob("modules/*/main.tf"))]


def _argument(body: str, name: str) -> str | None:
    """The expression of a top-level argument, on one line; None if the block does not have it."""
    found = re.search(rf"^  {name} += ", body, re.MULTILINE)
    if not found:
        return None
    depth, expression = 0, ""
    for line in body[found.end() :].splitlines():
        expression += f" {line.strip()}"
        depth += sum(line.count(opening) - line.count(closing) for opening, closing in _BRACKETS.items())
        if depth <= 0:
            break
    return re.sub(r"\s+", " ", expression).strip()


def _table(title: str, columns: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return f"## {title}\n\nNone.\n"
    lines = [columns, ["---"] * len(columns), *rows]
    return (
        "\n".join(
            [
                f"## {title}\n",
                *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines),
            ]
        )
        + "\n"
    )


def tables(folder: Path) -> str:
    """The tables of a module, as Markdown: inputs, outputs, modules, resources."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    blocks = sorted({(kind, first, second, body) for kind, first, second, body in _BLOCK.findall(text)})
    inputs, outputs, modules, resources = [], [], [], []
    for kind, first, second, body in blocks:
        description = (_argument(body, "description") or "").strip('"').replace('\\"', '"')
        if kind == "variable":
            default = _argument(body, "default")
            type_ = _argument(body, "type") or "any"
            inputs.append([f"`{first}`", description, f"`{type_}`", f"`{default}`" if default else "required"])
        elif kind == "output":
            outputs.append([f"`{first}`", description])
        elif kind == "module":
            modules.append([f"`{first}`", f"`{(_argument(body, 'source') or '').strip(chr(34))}`"])
        else:
            resources.append([f"`{first}.{second}`"])
    parts = [
        _table("Inputs", ["name", "description", "type", "default"], inputs),
        _table("Outputs", ["name", "description"], outputs),
    ]
    if modules:
        parts.append(_table("Modules", ["name", "source"], modules))
    if resources:
        parts.append(_table("Resources", ["name"], resources))
    return "\n".join(parts)


def updated(folder: Path) -> str:
    """The README of a module, with its tables up to date.

    Raises:
        ValueError: the README does not contain both markers.
    """
    text = (folder / "README.md").read_text()
    if BEGIN not in text or END not in text:
        raise ValueError(f"{folder / 'README.md'} needs the lines {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{tables(folder)}{END}{rest.split(END, 1)[1]}"


def main() -> None:
    """Update every README."""
    for folder in folders():
        (folder / "README.md").write_text(updated(folder))


if __name__ == "__main__":
    main()
