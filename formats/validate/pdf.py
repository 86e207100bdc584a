"""PDF: its structure by QPDF, and what it claims to be (PDF/A) by whatever is here to say so."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf

from formats.validate.pdfa import check_pdfa
from formats.validate.preflight import Preflight
from formats.validate.validation import Defect, Validation, Why, could_not, defective, merged
from formats.validate.verapdf import FLAVOURS, VeraPdf
from policies.findings import Puid
from policies.phrases import brief, phrase

__all__ = ["PdfStructure", "PdfaClaim"]

OWN = "kho PDF/A checks"
OWN_VERSION = "2"
"""Raised whenever a rule is added or changed: it stands beside every outcome."""


HARMLESS = re.compile(r"hint table|page length mismatch|shared identifier|linearization|handled correctly by qpdf")
"""What QPDF says of linearization (a promise to readers over slow lines: the document is whole without it), and of what is no error."""


WRONG_SUM = "incorrect data check"
"""zlib's words for an Adler-32 that is another."""

INFLATED = 1 << 20
"""Bytes that are inflated at once, and dropped."""


class PdfStructure:
    """Cross-references, objects, and every stream decoded, by QPDF; what it had to repair is a defect.

    The checksum of a deflated stream (RFC 1950, 2.2) is looked at here: QPDF passes over one that is wrong, as readers do, and nothing
    else tells a flipped bit of a text, a font or a picture."""

    name = "qpdf"

    def __init__(self) -> None:
        self.version = pikepdf.__libqpdf_version__

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        try:
            with pikepdf.open(path, suppress_warnings=True) as pdf:
                said = [str(each) for each in (*pdf.get_warnings(), *pdf.check_pdf_syntax())]
                problems = [each for each in said if not HARMLESS.search(each)]
                problems += [] if problems else _wrong_sums(pdf)
                pages = len(pdf.pages)
        except pikepdf.PasswordError:
            return could_not(Why.LOCKED, phrase("asks-password"), check=check)
        except pikepdf.PdfError as error:
            problems, pages = [str(error)], 1
        if not pages:
            problems.append(phrase("pdf-no-pages"))
        words = dict.fromkeys(brief(each.replace(f"{path}", path.name), 300) for each in problems)
        return defective(check, [Defect("structure", each) for each in words])


def _wrong_sums(pdf: pikepdf.Pdf) -> Iterator[str]:
    """The deflated streams whose checksum is not that of what they hold."""
    for each in pdf.objects:
        if not isinstance(each, pikepdf.Stream):
            continue
        filters = each.get("/Filter")
        first = filters[0] if isinstance(filters, pikepdf.Array) and len(filters) else filters
        if first == pikepdf.Name.FlateDecode and not _sum_is_right(each.read_raw_bytes()):
            yield phrase("pdf-checksum", number=each.objgen[0], generation=each.objgen[1])


def _sum_is_right(data: bytes) -> bool:
    inflater = zlib.decompressobj()
    try:
        while data and not inflater.eof:
            inflater.decompress(data, INFLATED)
            data = inflater.unconsumed_tail
    except zlib.error as error:
        return WRONG_SUM not in str(error)  # anything else is for QPDF to say
    return True


class PdfaClaim:
    """Whether a document is the PDF/A that it claims to be.

    With veraPDF: what veraPDF says. Without: level B of part 1 by Preflight and our own checks, of parts 2 and 3 by our own checks
    alone. Levels A and U (structure, Unicode), part 4 and PDF/UA are then never valid, only invalid or not validated.
    """

    name = "PDF/A"
    version = OWN_VERSION

    def __init__(self) -> None:
        self._verapdf = VeraPdf()
        self._preflight = Preflight()

    def validate(self, path: Path, puid: Puid) -> Validation:
        if self._verapdf.version:
            return self._verapdf.validate(path, puid)
        flavour = FLAVOURS[puid]
        beyond = could_not(Why.TOOL_MISSING, phrase("only-verapdf", flavour=_named(flavour)), missing=self._verapdf.name)
        if flavour[0] not in "123":
            return beyond
        parts = [_own(path, int(flavour[0]))]
        if flavour[0] == "1" and parts[0].why is not Why.LOCKED:
            parts.append(self._preflight.validate(path, puid))
        return merged(parts if flavour.endswith("b") else [*parts, beyond])


def _own(path: Path, part: int) -> Validation:
    check = f"{OWN} {OWN_VERSION}"
    try:
        with pikepdf.open(path, suppress_warnings=True) as pdf:
            return defective(check, check_pdfa(path, pdf, part))
    except pikepdf.PasswordError:
        return could_not(Why.LOCKED, phrase("asks-password"), check=check)
    except pikepdf.PdfError as error:
        return defective(check, [Defect("structure", str(error))])


def _named(flavour: str) -> str:
    return f"PDF/UA-{flavour[2:]}" if flavour.startswith("ua") else f"PDF/A-{flavour}"
