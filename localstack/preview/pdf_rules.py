"""What PDF/A-2a (ISO 19005-2) and PDF/UA-1 (ISO 14289-1) ask of an invoice and its structure shows.

No validator of PDF/A runs without Java, so these are rules of ours, for what WeasyPrint makes
(docs/decisions/0010-previews.md).
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

# It reads PDFs that we have just made.
from xml.etree import ElementTree  # nosec B405

import pikepdf

_XMP = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "pdfuaid": "http://www.aiim.org/pdfua/ns/id/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "x": "adobe:ns:meta/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "pdfaProperty": "http://www.aiim.org/pdfa/ns/property#",
}
_TEXT_OPERATORS = {"Tj", "TJ", "'", '"'}
_PAINTING = {*_TEXT_OPERATORS, "f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "Do", "sh", "EI"}
# Structure types of PDF 1.7 (ISO 32000-1, 14.8.4) that an invoice may have.
_TYPES = {
    *("Document", "Part", "Sect", "Div", "P", "H1", "H2", "H3", "Table", "THead", "TBody", "TFoot", "TR", "TH", "TD"),
    *("Span", "NonStruct", "Figure", "Link", "L", "LI", "Lbl", "LBody"),
}
_FORBIDDEN_ACTIONS = ("/JavaScript", "/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData")


def title(pdf: bytes) -> str:
    """The title of a PDF."""
    with pikepdf.open(BytesIO(pdf)) as document:
        return str(document.docinfo.get("/Title", ""))


def problems(pdf: bytes) -> list[str]:
    """What of a PDF breaks a rule, each a sentence with the clause; empty if nothing does."""
    with pikepdf.open(BytesIO(pdf)) as document:
        return [
            *_file(document, pdf),
            *_metadata(document),
            *_catalog(document),
            *_fonts(document),
            *_pages(document),
            *_structure(document),
        ]


def _file(document: pikepdf.Pdf, pdf: bytes) -> Iterator[str]:
    if document.is_encrypted:
        yield "it is encrypted (19005-2, 6.1.3)"
    if "/ID" not in document.trailer:
        yield "it has no identifier (19005-2, 6.1.3)"
    if max(pdf[9:14], default=0) < 128 or pdf[9:10] != b"%":
        yield "no comment of four bytes above 127 follows the header (19005-2, 6.1.2)"
    for found in document.objects:
        if not isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            continue
        if isinstance(found, pikepdf.Stream) and "LZWDecode" in str(found.get("/Filter", "")):
            yield "a stream is packed by LZW (19005-2, 6.1.7.2)"
        if "/EF" in found or found.get("/Type") == pikepdf.Name.EmbeddedFile:
            yield "a file is embedded, which may only be PDF/A itself (19005-2, 6.8)"
        if str(found.get("/S", "")) in _FORBIDDEN_ACTIONS:
            yield f"it has an action {found.S} (19005-2, 6.5.1)"
        if ("/SMask" in found and str(found.SMask) != "/None") or found.get("/ca", 1) != 1 or found.get("/CA", 1) != 1:
            yield "something is transparent, and no page names a group's colour space (19005-2, 6.2.10)"


def _xmp(document: pikepdf.Pdf) -> ElementTree.Element:
    packet = document.Root.Metadata.read_bytes() if "/Metadata" in document.Root else b"<x/>"
    # It is of a PDF that we have just made.
    return ElementTree.fromstring(packet)  # noqa: S314  # nosec B314


def _property(xmp: ElementTree.Element, name: str) -> str:
    """A property of XMP, as an attribute or an element, or "" if there is none."""
    prefix, _, local = name.partition(":")
    qualified = f"{{{_XMP[prefix]}}}{local}"
    for element in xmp.iter(f"{{{_XMP['rdf']}}}Description"):
        if qualified in element.attrib:
            return element.attrib[qualified]
        child = element.find(qualified)
        if child is not None:
            return "".join(child.itertext()).strip()
    return ""


def _metadata(document: pikepdf.Pdf) -> Iterator[str]:
    xmp = _xmp(document)
    if len(xmp.findall("rdf:RDF", _XMP)) != 1:
        yield "the XMP packet has not exactly one rdf:RDF (16684-1, 7.4)"
    for name, expected, clause in (
        ("pdfaid:part", "2", "19005-2, 6.6.4"),
        ("pdfaid:conformance", "A", "19005-2, 6.6.4"),
        ("pdfuaid:part", "1", "14289-1, 5"),
    ):
        found = _property(xmp, name)
        if found != expected:
            yield f"XMP has {name} {found!r} and not {expected!r} ({clause})"
    described = {element.text for element in xmp.iter(f"{{{_XMP['pdfaProperty']}}}name")}
    if "part" not in described:
        yield "XMP does not describe pdfuaid:part, which PDF/A does not know (19005-2, 6.6.2.3)"
    info = document.docinfo
    pairs = {"/Title": "dc:title", "/Author": "dc:creator", "/Producer": "pdf:Producer"}
    for key, name in pairs.items():
        if str(info.get(key, "")) != _property(xmp, name):
            yield f"{key} of the information dictionary and {name} of XMP differ (19005-2, 6.6.3)"
    for key, name in {"/CreationDate": "xmp:CreateDate", "/ModDate": "xmp:ModifyDate"}.items():
        written = "".join(character for character in _property(xmp, name) if character.isdigit())
        if str(info.get(key, "")) != f"D:{written}Z" or len(written) != 14:
            yield f"{key} of the information dictionary and {name} of XMP differ (19005-2, 6.6.3)"
    if not _property(xmp, "dc:title"):
        yield "XMP has no dc:title (14289-1, 7.1)"


def _catalog(document: pikepdf.Pdf) -> Iterator[str]:
    root: Any = document.Root
    intents = [intent for intent in root.get("/OutputIntents", []) if intent.get("/S") == pikepdf.Name.GTS_PDFA1]
    if not intents or "/DestOutputProfile" not in intents[0]:
        yield "no output intent with a colour profile, and device colours are used (19005-2, 6.2.3)"
    elif intents[0].DestOutputProfile.read_bytes()[36:40] != b"acsp":
        yield "the output intent's profile is no ICC profile (19005-2, 6.2.3)"
    if not root.get("/MarkInfo", {}).get("/Marked", False):
        yield "it is not marked as tagged (19005-2, 6.7.2; 14289-1, 7.1)"
    if root.get("/MarkInfo", {}).get("/Suspects", False):
        yield "its tags are suspects (14289-1, 7.1)"
    if not str(root.get("/Lang", "")):
        yield "no language (19005-2, 6.7.4; 14289-1, 7.2)"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle", False):
        yield "a viewer shows the file's name and not the title (14289-1, 7.1)"
    for key in ("/AA", "/OpenAction", "/AcroForm", "/NeedsRendering"):
        if key in root:
            yield f"the catalog has {key}, which an invoice does not need (19005-2, 6.4, 6.5)"


def _fonts(document: pikepdf.Pdf) -> Iterator[str]:
    for font in document.objects:
        if not isinstance(font, pikepdf.Dictionary) or font.get("/Type") != pikepdf.Name.Font:
            continue
        if font.get("/Subtype") in (pikepdf.Name.CIDFontType0, pikepdf.Name.CIDFontType2):
            continue
        name = str(font.get("/BaseFont", "a font"))
        inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
        descriptor: Any = inner.get("/FontDescriptor", {})
        if not any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")):
            yield f"{name} is not embedded (19005-2, 6.2.11.4; 14289-1, 7.21.4)"
        if "/ToUnicode" not in font:
            yield f"{name} does not say which characters its glyphs are (19005-2, 6.2.11.7; 14289-1, 7.21.7)"
        if inner.get("/Subtype") == pikepdf.Name.CIDFontType2 and "/CIDToGIDMap" not in inner:
            yield f"{name} has no CIDToGIDMap (19005-2, 6.2.11.3.2; 14289-1, 7.21.3.2)"


def _pages(document: pikepdf.Pdf) -> Iterator[str]:
    for number, page in enumerate(document.pages, start=1):
        if page.obj.get("/Tabs") != pikepdf.Name.S and "/Annots" in page.obj:
            yield f"page {number}: the tab key does not follow the structure (14289-1, 7.18.3)"
        if "/StructParents" not in page.obj:
            yield f"page {number}: its content is not in the structure (14289-1, 7.1)"
        for annotation in page.obj.get("/Annots", []):
            if annotation.get("/Subtype") != pikepdf.Name.Popup and "/Contents" not in annotation:
                yield f"page {number}: an annotation has no text in its place (14289-1, 7.18.1)"
        yield from _content(page, number)


def _content(page: pikepdf.Page, number: int) -> Iterator[str]:
    """All that is painted is either tagged or an artifact, and is one of them only."""
    open_marks: list[str] = []
    for instruction in pikepdf.parse_content_stream(page):
        name = str(instruction.operator)
        if name in ("BDC", "BMC"):
            mark = str(instruction.operands[0])
            if mark == "/Artifact" and any(outer != "/Artifact" for outer in open_marks):
                yield f"page {number}: an artifact is inside of tagged content (14289-1, 7.1)"
            open_marks.append(mark)
        elif name == "EMC":
            open_marks.pop()
        elif name in _PAINTING and not open_marks:
            yield f"page {number}: {name} paints what is neither tagged nor an artifact (14289-1, 7.1)"


def _children(element: Any) -> Iterator[Any]:
    kids = element.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            yield kid


def _walk(element: Any) -> Iterator[Any]:
    for kid in _children(element):
        yield kid
        yield from _walk(kid)


def _structure(document: pikepdf.Pdf) -> Iterator[str]:
    tree = document.Root.get("/StructTreeRoot")
    if tree is None:
        yield "no structure tree (19005-2, 6.7.3.3; 14289-1, 7.1)"
        return
    if "/ParentTree" not in tree:
        yield "the structure tree has no parent tree (32000-1, 14.7.4.4)"
    level = 0
    for element in _walk(tree):
        kind = str(element.S)[1:]
        if kind not in _TYPES:
            yield f"{kind} is no standard structure type (19005-2, 6.7.3.4; 14289-1, 7.1)"
        if kind == "Figure" and not str(element.get("/Alt", element.get("/ActualText", ""))):
            yield "a figure has no text in its place (14289-1, 7.3)"
        if kind == "TH" and not _scope(element):
            yield "a header of a table does not say what it heads (14289-1, 7.5)"
        if kind[0] == "H" and kind[1:].isdigit():
            if int(kind[1:]) > level + 1:
                yield f"a heading of level {kind[1:]} follows one of level {level} (14289-1, 7.4.2)"
            level = int(kind[1:])
        if kind == "Table":
            yield from _table(element)


def _scope(header: Any) -> bool:
    attributes = header.get("/A", [])
    listed = attributes if isinstance(attributes, pikepdf.Array) else [attributes]
    return any("/Scope" in attribute for attribute in listed)


def _table(table: Any) -> Iterator[str]:
    rows = [element for element in _walk(table) if element.S == pikepdf.Name.TR]
    if len({sum(_span(cell) for cell in _children(row)) for row in rows}) != 1:
        yield "rows of a table have not the same number of cells (14289-1, 7.5; 32000-1, 14.8.4.3.4)"
    if not any(cell.S == pikepdf.Name.TH for row in rows for cell in _children(row)):
        yield "a table has no headers (14289-1, 7.5)"


def _span(cell: Any) -> int:
    attributes = cell.get("/A", [])
    listed = attributes if isinstance(attributes, pikepdf.Array) else [attributes]
    return next((int(attribute.ColSpan) for attribute in listed if "/ColSpan" in attribute), 1)
