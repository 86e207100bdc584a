"""PDF: pages, fonts, text, pictures on the pages and how finely they were scanned, what is embedded."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pikepdf

from formats.characterise.properties import Properties
from formats.validate.pdfa import claim_of, xmp_of
from formats.validate.pdfa.subject import dictionaries, name

__all__ = ["characterise_pdf"]

TOOL = "pikepdf"

MOST_PAGES = 5_000
"""Pages whose content is looked at; ``pages`` counts all, and ``pages_examined`` says how many these were."""

MOST_FORMS = 200
"""Form XObjects followed on one page."""

INVISIBLE = 3
SHOWING = frozenset(["Tj", "TJ", "'", '"'])
FOLLOWED = "q Q cm Tr Tj TJ ' \" Do BI"

SCANNED = 0.8
"""A page of which pictures cover this part is a scan: margins and deskewing leave some white."""

BITS = {"DeviceGray": 1, "CalGray": 1, "G": 1, "DeviceRGB": 3, "CalRGB": 3, "RGB": 3, "Lab": 3, "DeviceCMYK": 4, "CMYK": 4}
"""Components of a colour space."""

PROGRAMS = ("/FontFile", "/FontFile2", "/FontFile3")
EMBEDDABLE = {"Type1", "MMType1", "TrueType", "CIDFontType0", "CIDFontType2"}

Matrix = tuple[float, float, float, float, float, float]
IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)


@dataclass
class _Page:
    """What was seen on one page."""

    visible: bool = False
    invisible: bool = False
    covered: float = 0.0
    dpi: list[float] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    forms: int = 0


def characterise_pdf(path: Path) -> Properties:
    """Raises pikepdf.PdfError (also for a password) and OSError."""
    with pikepdf.open(path, suppress_warnings=True) as pdf:
        claim = claim_of(xmp_of(pdf))
        pages = [_look(page) for page in list(pdf.pages)[:MOST_PAGES]]
        fonts, embedded = _fonts(pdf)
        found: Properties = {
            "pages": len(pdf.pages),
            "pages_examined": len(pages),
            "pdf_version": pdf.pdf_version,
            "pdfa": f"{claim.part}{claim.conformance.lower()}" if claim else "",
            "tagged": name(pdf.Root.get("/Type")) == "Catalog" and "/StructTreeRoot" in pdf.Root,
            "encrypted": pdf.is_encrypted,
            "fonts": fonts,
            "fonts_embedded": embedded,
            "embedded_files": len(pdf.attachments),
            "signature_fields": sum(name(each.get("/FT")) == "Sig" for each in dictionaries(pdf)),
            "pages_with_text": sum(page.visible or page.invisible for page in pages),
            "pages_with_hidden_text": sum(page.invisible for page in pages),
            "pages_with_pictures": sum(bool(page.dpi) for page in pages),
            "pages_scanned": sum(page.covered >= SCANNED for page in pages),
            "pages_scanned_without_text": sum(page.covered >= SCANNED and not (page.visible or page.invisible) for page in pages),
        }
    resolutions = [dpi for page in pages for dpi in page.dpi]
    depths = [depth for page in pages for depth in page.depths]
    if resolutions:
        found |= {"picture_dpi_least": round(min(resolutions)), "picture_dpi_most": round(max(resolutions))}
    if depths:
        found |= {"picture_bits_least": min(depths), "picture_bits_most": max(depths)}
    return found


def _fonts(pdf: pikepdf.Pdf) -> tuple[int, int]:
    """(fonts that have a program, those of them that bring it along)."""
    count = embedded = 0
    for each in dictionaries(pdf):
        if name(each.get("/Type")) == "Font" and name(each.get("/Subtype")) in EMBEDDABLE:
            count += 1
            descriptor = each.get("/FontDescriptor")
            embedded += isinstance(descriptor, pikepdf.Dictionary) and any(program in descriptor for program in PROGRAMS)
    return count, embedded


def _look(page: pikepdf.Page) -> _Page:
    seen = _Page()
    unit = float(page.obj.get("/UserUnit", 1))
    box = [float(value) for value in page.mediabox]
    area = abs((box[2] - box[0]) * (box[3] - box[1])) * unit * unit
    resources = page.resources
    _follow(seen, page, resources, (unit, 0, 0, unit, 0, 0))
    seen.covered = min(seen.covered / area, 1.0) if area else 0.0
    return seen


def _follow(seen: _Page, source: Any, resources: Any, matrix: Matrix) -> None:
    mode, kept = 0, [(matrix, 0)]
    for instruction in pikepdf.parse_content_stream(source, FOLLOWED):
        if isinstance(instruction, pikepdf.ContentStreamInlineImage):
            _place(seen, instruction.iimage.obj, matrix)
            continue
        operator, operands = str(instruction.operator), instruction.operands
        if operator == "q":
            kept.append((matrix, mode))
        elif operator == "Q" and len(kept) > 1:
            matrix, mode = kept.pop()
        elif operator == "cm" and len(operands) == 6:
            matrix = _times(_matrix(operands), matrix)
        elif operator == "Tr" and operands:
            mode = int(operands[0])
        elif operator in SHOWING and operands and _says(operands[-1]):
            seen.visible, seen.invisible = seen.visible or mode != INVISIBLE, seen.invisible or mode == INVISIBLE
        elif operator == "Do" and operands:
            _draw(seen, resources, operands[0], matrix)


def _says(shown: Any) -> bool:
    """Whether a text operator shows anything at all."""
    if isinstance(shown, pikepdf.Array):
        return any(_says(each) for each in shown)
    return isinstance(shown, pikepdf.String) and bytes(shown).strip() != b""


def _draw(seen: _Page, resources: Any, key: Any, matrix: Matrix) -> None:
    table = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    thing = table.get(str(key)) if isinstance(table, pikepdf.Dictionary) else None
    if not isinstance(thing, pikepdf.Stream):
        return
    if name(thing.get("/Subtype")) == "Image":
        _place(seen, thing, matrix)
    elif name(thing.get("/Subtype")) == "Form" and seen.forms < MOST_FORMS:
        seen.forms += 1
        own = thing.get("/Resources")
        inner = _times(_matrix(thing["/Matrix"]), matrix) if "/Matrix" in thing else matrix
        _follow(seen, thing, own if isinstance(own, pikepdf.Dictionary) else resources, inner)


def _place(seen: _Page, image: Any, matrix: Matrix) -> None:
    """A picture fills the unit square of its matrix; 72 units are an inch."""
    width, height = (int(image.get(long, image.get(short, 0))) for long, short in (("/Width", "/W"), ("/Height", "/H")))
    across, up = math.hypot(matrix[0], matrix[1]), math.hypot(matrix[2], matrix[3])
    if not across or not up or not width or not height:
        return
    seen.covered += abs(matrix[0] * matrix[3] - matrix[1] * matrix[2])
    seen.dpi.append(min(width / across, height / up) * 72)
    if image.get("/ImageMask", image.get("/IM")) is True:
        seen.depths.append(1)
        return
    bits = int(image.get("/BitsPerComponent", image.get("/BPC", 8)))
    seen.depths.append(bits * _components(image.get("/ColorSpace", image.get("/CS"))))


def _components(space: Any) -> int:
    """Of a colour space; an indexed one counts as what it points to, since that is what is seen."""
    if isinstance(space, pikepdf.Name):
        return BITS.get(name(space), 1)
    if not isinstance(space, pikepdf.Array) or not len(space):
        return 3  # JPEG 2000 says it inside
    family = name(space[0])
    if family == "ICCBased" and isinstance(space[1], pikepdf.Stream):
        return int(space[1].get("/N", 3))
    if family in ("Indexed", "I"):
        return _components(space[1])
    if family == "DeviceN":
        return len(space[1])
    return BITS.get(family, 1)


def _matrix(values: Any) -> Matrix:
    a, b, c, d, e, f = (float(value) for value in values)
    return a, b, c, d, e, f


def _times(one: Matrix, other: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, l = other  # noqa: E741 (the letters of the standard)
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l
