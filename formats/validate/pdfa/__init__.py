"""Own checks of what claims to be PDF/A-1, -2 or -3. They find many defects, not all: colours inside fonts, widths of glyphs and the
logical structure (level A) are not looked at. What they do not find is therefore said to be checked by them, and not certified."""

from __future__ import annotations

from pathlib import Path

import pikepdf

from formats.validate.pdfa.colour import check_colour
from formats.validate.pdfa.fonts import check_fonts
from formats.validate.pdfa.metadata import check_metadata
from formats.validate.pdfa.structure import check_structure
from formats.validate.pdfa.subject import Claim, Subject, claim_of, xmp_of
from formats.validate.pdfa.syntax import check_syntax
from formats.validate.validation import Defect

__all__ = ["Claim", "check_pdfa", "claim_of", "xmp_of"]


def check_pdfa(path: Path, pdf: pikepdf.Pdf, part: int) -> list[Defect]:
    """The defects of an open document as PDF/A of ``part`` (1, 2 or 3). Raises OSError."""
    subject = Subject(path, pdf, part, xmp_of(pdf))
    check_syntax(subject)
    check_structure(subject)
    check_metadata(subject)
    check_fonts(subject, check_colour(subject))
    return subject.defects
