"""The invoice is PDF/A-2a by our rules and PDF/UA-1 by outloud's; each rule of ours notices a PDF that is not."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from localstack.preview import pdf_rules
from localstack.preview.render import INVOICE, Subject, render
from localstack.preview.samples import orders

# WeasyPrint's own lines, which nobody counts, would be watched; ours are counted in other tests.
pytestmark = pytest.mark.no_cover

OUTLOUD_SECONDS = 120


@cache
def invoice(sample: str) -> bytes:
    result = render(Subject(INVOICE, sample))
    assert result.error == ""
    return result.pdf


def changed(change: Callable[[Any], None]) -> bytes:
    """An invoice with a change in its objects."""
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(invoice("campaign"))) as document:
        change(document)
        document.save(file)
    return file.getvalue()


def with_xmp(old: bytes, new: bytes) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        xmp = document.Root.Metadata.read_bytes()
        assert old in xmp
        document.Root.Metadata.write(xmp.replace(old, new))

    return change


def elements(document: Any, kind: str) -> list[Any]:
    return [element for element in pdf_rules._walk(document.Root.StructTreeRoot) if Name(kind) == element.S]


def untag(document: Any) -> None:
    page = document.pages[0]
    painted = [
        instruction
        for instruction in pikepdf.parse_content_stream(page)
        if str(instruction.operator) not in ("BDC", "BMC", "EMC")
    ]
    page.Contents = document.make_stream(pikepdf.unparse_content_stream(painted))


def without_font(document: Any) -> None:
    for font in document.pages[0].Resources.Font.values():
        del font.DescendantFonts[0].FontDescriptor.FontFile2


def without_unicode(document: Any) -> None:
    for font in document.pages[0].Resources.Font.values():
        del font.ToUnicode


def embed(document: Any) -> None:
    document.attachments["x.txt"] = b"x"


def transparent(document: Any) -> None:
    document.pages[0].Resources.ExtGState = Dictionary(Faint=document.make_indirect(Dictionary(ca=0.5)))


def figure(document: Any) -> None:
    elements(document, "/H1")[0].S = Name.Figure


def annotation(document: Any) -> None:
    document.pages[0].Annots = Array([Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=[0, 0, 1, 1])])


def drop(name: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        del document.Root[name]

    return change


@pytest.mark.parametrize("sample", orders())
def test_every_invoice_keeps_the_rules(sample: str) -> None:
    assert pdf_rules.problems(invoice(sample)) == []


def test_a_character_that_no_font_has_is_told() -> None:
    # It is drawn as .notdef, which neither standard takes; what the text says is kept.
    result = render(Subject(INVOICE, "no-font-has-it"))
    assert any("北" in problem for problem in result.problems)
    assert render(Subject(INVOICE, "scripts")).problems == []


def test_a_checker_of_pdf_ua_finds_no_error(tmp_path: Path) -> None:
    for sample in orders():
        (tmp_path / f"{sample}.pdf").write_bytes(invoice(sample))
    done = subprocess.run(
        [Path(sys.executable).parent / "outloud", "--layer", "conformance", "--json", "-", tmp_path],
        capture_output=True,
        text=True,
        timeout=OUTLOUD_SECONDS,
        check=False,
    )
    # Behind the report there is a table for people.
    report, _ = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{") :])
    assert len(report["results"]) == len(orders())
    for found in report["results"]:
        assert found["error"] is None
        assert found["counts"]["error"] == 0
        # WeasyPrint tags page numbers and repeated headers as text, where PDF/UA wants artifacts (docs/previews.md).
        assert {finding["rule"] for finding in found["findings"]} <= {"PAG-001"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (with_xmp(b'pdfuaid:part="1"', b""), "pdfuaid:part"),
        (with_xmp(b'pdfaid:part="2"', b'pdfaid:part="3"'), "pdfaid:part"),
        (with_xmp(b'pdfaid:conformance="A"', b'pdfaid:conformance="B"'), "pdfaid:conformance"),
        (with_xmp(b"<pdfaProperty:name>part", b"<pdfaProperty:name>other"), "does not describe"),
        (with_xmp(b"Tax Invoice", b"Invoice"), "dc:title of XMP differ"),
        (with_xmp(b"T08:30:00Z", b"T08:30:01Z"), "xmp:CreateDate of XMP differ"),
        (
            with_xmp(b"</rdf:RDF>", b"</rdf:RDF><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>"),
            "one rdf",
        ),
        (drop("/OutputIntents"), "no output intent"),
        (drop("/MarkInfo"), "not marked as tagged"),
        (drop("/Lang"), "no language"),
        (drop("/ViewerPreferences"), "the file's name"),
        (drop("/StructTreeRoot"), "no structure tree"),
        (without_font, "is not embedded"),
        (without_unicode, "which characters"),
        (untag, "neither tagged nor an artifact"),
        (embed, "a file is embedded"),
        (transparent, "transparent"),
        (figure, "a figure has no text"),
        (annotation, "an annotation has no text"),
        (lambda document: elements(document, "/TH")[0].A.__delitem__("/Scope"), "what it heads"),
        (lambda document: elements(document, "/H1")[0].__setitem__("/S", Name.H3), "a heading of level 3"),
        (lambda document: elements(document, "/P")[0].__setitem__("/S", Name.Foo), "no standard structure type"),
        (lambda document: elements(document, "/TR")[0].K.__delitem__(0), "same number of cells"),
        (lambda document: document.pages[0].__delitem__("/StructParents"), "not in the structure"),
        (lambda document: document.Root.__setitem__("/OpenAction", Dictionary(S=Name.JavaScript)), "has /OpenAction"),
    ],
)
def test_each_rule_notices(change: Callable[[Any], None], problem: str) -> None:
    assert pdf_rules.problems(changed(lambda document: None)) == []
    assert [found for found in pdf_rules.problems(changed(change)) if problem in found]
