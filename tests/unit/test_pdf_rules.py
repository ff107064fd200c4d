"""The invoice is PDF/UA-1, checked by outloud."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from localstack.preview.render import INVOICE, Preview, render
from localstack.preview.samples import orders

pytestmark = pytest.mark.slow("common", "localstack/preview", "templates", "requirements")

SECONDS = 120


def check(folder: Path) -> list[dict[str, Any]]:
    """The results of outloud for the PDFs in a folder."""
    command = [str(Path(sys.executable).parent / "outloud"), "--layer", "conformance", "--json", "-", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    # A table for people follows the report.
    report, _ = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{") :])
    results: list[dict[str, Any]] = report["results"]
    return results


def test_invoices_are_pdf_ua(tmp_path: Path) -> None:
    """The invoice of every sample is PDF/UA-1."""
    for sample in orders():
        result = render(Preview(INVOICE, sample))
        assert result.error == ""
        (tmp_path / f"{sample}.pdf").write_bytes(result.pdf)
    results = check(tmp_path)
    assert len(results) == len(orders())
    for found in results:
        assert found["error"] is None
        assert found["counts"]["error"] == 0
        # WeasyPrint tags page numbers and repeated headers as text, PDF/UA wants artifacts (docs/previews.md).
        assert {finding["rule"] for finding in found["findings"]} <= {"PAG-001"}


def test_broken_invoice_is_noticed(tmp_path: Path) -> None:
    """An invoice without language, tags or metadata is noticed."""
    # Imported late: it takes long in each worker of the tests.
    import pikepdf

    pdf, names = render(Preview(INVOICE, "campaign")).pdf, ("Lang", "MarkInfo", "StructTreeRoot", "Metadata")
    for name in names:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            del document.Root[f"/{name}"]
            document.save(tmp_path / f"{name}.pdf")
    results = check(tmp_path)
    assert len(results) == len(names)
    assert [found for found in results if not found["counts"]["error"]] == []


def test_missing_character_is_reported() -> None:
    """A character that no font has is reported: PDF/UA forbids the placeholder that is shown for it."""
    result = render(Preview(INVOICE, "no-font-has-it"))
    assert any("北" in problem for problem in result.problems)
    assert render(Preview(INVOICE, "scripts")).problems == []
