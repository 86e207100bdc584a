"""What the checks of PDF/A look at: one open document, its claim, its bytes, and the defects that were met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pikepdf
from lxml import etree  # type: ignore[import-untyped]

from formats.validate.validation import Defect

__all__ = ["Claim", "Subject", "claim_of", "dictionaries", "name", "true", "xmp_of"]

PDFAID = "http://www.aiim.org/pdfa/ns/id/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

UTF_32 = {b"<\x00\x00\x00": "utf-32-le", b"\x00\x00\x00<": "utf-32-be"}

DEEPEST = 60
"""Direct objects inside one another; hostile files have more, and honest ones a dozen."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a document says it is: part 1 to 4 and conformance "A", "B", "U" (part 4: "", "E", "F")."""

    part: int
    conformance: str


@dataclass
class Subject:
    """One document under examination as PDF/A of ``part``."""

    path: Path
    pdf: pikepdf.Pdf
    part: int
    xmp: etree._Element | None
    defects: list[Defect] = field(default_factory=list)
    _said: set[tuple[str, str]] = field(default_factory=set)

    def add(self, clauses: tuple[str, str], words: str) -> None:
        """A defect; ``clauses`` are those of ISO 19005-1 and of ISO 19005-2 and -3. The same words of a clause are said once."""
        rule = f"ISO 19005-{self.part} {clauses[0] if self.part == 1 else clauses[1]}"
        if (rule, words) not in self._said:
            self._said.add((rule, words))
            self.defects.append(Defect(rule, words))


def name(value: Any) -> str:
    """A PDF name without its slash; "" for anything else."""
    return str(value)[1:] if isinstance(value, pikepdf.Name) else ""


def true(value: Any) -> bool:
    """Whether it is the PDF boolean true."""
    return value is True


def dictionaries(pdf: pikepdf.Pdf) -> Iterator[Any]:
    """Every dictionary and stream of the document, direct ones too, each once."""
    for each in pdf.objects:
        yield from _inside(each, 0)
    yield from _inside(pdf.trailer, 0)


def _inside(value: Any, depth: int) -> Iterator[Any]:
    if depth > DEEPEST:
        return
    if isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
        yield value
        values = [each for _, each in value.items()]
    elif isinstance(value, pikepdf.Array):
        values = list(value)
    else:
        return
    for each in values:
        if isinstance(each, pikepdf.Object) and not each.is_indirect:
            yield from _inside(each, depth + 1)


def xmp_of(pdf: pikepdf.Pdf) -> etree._Element | None:
    """The document's metadata; None when there is none, or it is not well-formed."""
    metadata = pdf.Root.get("/Metadata")
    if not isinstance(metadata, pikepdf.Stream):
        return None
    parser = etree.XMLParser(load_dtd=False, no_network=True, resolve_entities=False)
    try:
        written = metadata.read_bytes()
        for mark, encoding in UTF_32.items():  # libxml2 reads UTF-32 with a mark or a declaration only; XMP has neither
            if written.startswith(mark):
                written = written.decode(encoding, "replace").replace("\ufeff", " ").encode()
        return etree.fromstring(written.strip(b"\x00 \t\r\n"), parser)
    except (etree.XMLSyntaxError, pikepdf.PdfError, ValueError):
        return None


def claim_of(xmp: etree._Element | None) -> Claim | None:
    """What the metadata claims; None when nothing."""
    if xmp is None:
        return None
    part, conformance = ("", "")
    for description in xmp.iter(f"{{{RDF}}}Description"):
        part = part or _said(description, "part")
        conformance = conformance or _said(description, "conformance")
    return Claim(int(part), conformance) if part.isdigit() else None


def _said(description: etree._Element, key: str) -> str:
    return (description.get(f"{{{PDFAID}}}{key}") or description.findtext(f"{{{PDFAID}}}{key}") or "").strip()
