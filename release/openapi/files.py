"""The two files of the API document; `bin/release openapi` writes them."""

import json

from release.openapi.contract import PATH
from release.openapi.document import document
from release.openapi.reference import render
from tooling.paths import ROOT


def contents() -> dict[str, str]:
    """The content of both files, by their path in the repository."""
    found = document()
    return {
        str(PATH.relative_to(ROOT)): json.dumps(found, indent=2, ensure_ascii=False) + "\n",
        "docs/api.md": render(found),
    }


def write() -> None:
    """Write both files."""
    for name, content in contents().items():
        (ROOT / name).write_text(content)
        print(f"wrote {name}")
