"""`python -m release.openapi` writes docs/openapi.json."""

import json

from release.build import ROOT
from release.openapi.document import document

PATH = ROOT / "docs" / "openapi.json"


def text() -> str:
    """The document as it is written."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
    print(f"wrote {PATH.relative_to(ROOT)}")
