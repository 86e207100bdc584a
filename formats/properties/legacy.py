"""Text in fonts of before Unicode (TCVN3: .VnTime, .VnArial; VNI-Times): the file says other letters than the font shows.

In another font, as on a machine that does not have these, "QuyÕt ®Þnh" is what everybody reads where "Quyết định" was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from formats.properties.facts import CannotTell
from formats.properties.parts import Parts
from formats.properties.pieces import Piece
from policies.phrases import phrase

__all__ = ["before_unicode", "fonts", "readable"]

_NAMES: Final = re.compile(rb"""["';>](\.Vn[A-Z][\w ]*|VNI[- ][\w -]+)""")
_PARTS: Final = re.compile(
    r"word/(document|styles|header\d+|footer\d+)\.xml|ppt/(slides/slide\d+|theme/theme\d+)\.xml|xl/styles\.xml|(content|styles)\.xml"
)
_CHUNK: Final = 1 << 20
_OVERLAP: Final = 64

_STRANGE: Final = "µ¶·¸¹¨©ª«¬®¾¼½»¦§ñöøåäïûëæ×ÞßÑÖØÅÄÏÛËÆÐ"
_SHOWN: Final = re.compile(rf"[^\W\d_][{_STRANGE}]|[{_STRANGE}][^\W\d_]")
"""Signs and letters that stand in no word of Vietnamese or English: those by which such fonts show letters with their marks."""


def before_unicode(names: Iterable[str]) -> str:
    """The first such font among these; "" when there is none."""
    return next((name for name in names if _NAMES.fullmatch(b">" + name.encode())), "")


def fonts(parts: Parts) -> str:
    """The first such font that a document names; "" when there is none."""
    for name in parts.names:
        if not _PARTS.fullmatch(name):
            continue
        with parts.stream(name) as stream:
            kept = b""
            while data := stream.read(_CHUNK):
                if found := _NAMES.search(kept + data):
                    return found[1].decode("utf-8", "replace").strip()
                kept = data[-_OVERLAP:]
    return ""


def readable(pieces: Iterable[Piece], font: str) -> Iterator[Piece]:
    """The pieces, unless words of theirs are written for such a font. Raises CannotTell."""
    for piece in pieces:
        if font and _SHOWN.search(piece.text):
            raise CannotTell(phrase("font-before-unicode", font=font))
        yield piece
