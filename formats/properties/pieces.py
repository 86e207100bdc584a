"""Text as it is compared: pieces of a document that belong together, and the tokens that they consist of.

A token is what a reader would miss: a word with its diacritics, a number with its separators and its minus (`-1.234,5`), a sign that says
something (☑ ≥ % ( /). Full stops, commas, quotation marks, dashes, bullets and leaders are none: programs set them as they like.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from formats.properties.symbols import is_private

__all__ = ["BULLET", "COUNTED", "COUNTING", "NOTED", "Piece", "Text", "counts", "matches", "tokens", "words"]

COUNTED: Final = "\ufffc"
"""Stands where a program counts: the number of a page, of a list, of a note. It is matched by any number."""

COUNTING: Final = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION"})
"""Fields of word processors whose value is another on every page, or is known only when all pages are set."""

BULLET: Final = "\ufff9"
"""Stands where a program sets a bullet, which is one sign, or none that is compared."""


NOTED: Final = "\ufffb"
"""Stands where a mark refers to a foot or end note: programs set a number there, or a sign, and the same before the note."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph, a cell, a line: words that stand one behind the other.

    ``running``: a head or foot, which stands on every page; not ``certain``, where it may stand on none (that of left pages). ``apart``:
    other text may come between this and its neighbours, and programs read it in another order (cells, notes, frames, what follows a tab).
    ``label`` is what is set before it without being in the text (a list's number), as a text with `COUNTED` or `BULLET`. ``edge``: it is
    one of the first or last lines of a page of a result. ``page`` is the number of the slide or page that it stands on; 0 where that is
    known only when pages are set.
    """

    text: str
    running: bool = False
    apart: bool = False
    label: str = ""
    edge: bool = False
    certain: bool = True
    page: int = 0


Text = Iterable[str | Piece]
"""A text piece by piece; a bare string is a piece of which no more is known."""

_MARKS: Final = "\u0300-\u036f\u1dc0-\u1dff\u20d0-\u20ff"
_LETTERS: Final = rf"(?:[^\W_]|[{_MARKS}])"
_TOKEN: Final = re.compile(
    rf"(?:(?<![\w{_MARKS}])[-\u2212\u2013](?=\d))?{_LETTERS}+(?:(?<=\d)[.,](?=\d){_LETTERS}+)*"  # words, and numbers
    r"|[^\w\s]"  # signs, of which some are none (`_says`)
)
_LIGATURES: Final = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_FOLDED: Final = str.maketrans({**_LIGATURES, "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": ""})
_SIGNS: Final = frozenset("%‰‱/\\@#&*§¶†‡()[]{}" + COUNTED + BULLET + NOTED)
_MINUS: Final = re.compile(r"[\u2212\u2013](?=\d)")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*|[ivxlcdm]+|[a-zđ]{1,2}", re.IGNORECASE)
_SEVERAL: Final = re.compile(rf"{COUNTED}(?:[.,]{COUNTED})+")


def tokens(text: str) -> list[str]:
    """The tokens of one piece, in order. Equal tokens are one object."""
    found = _TOKEN.findall(unicodedata.normalize("NFC", _SEVERAL.sub(COUNTED, text.translate(_FOLDED))))
    return [sys.intern(_MINUS.sub("-", each)) for each in found if _says(each)]


def _says(token: str) -> bool:
    if len(token) > 1 or token.isalnum() or token in _SIGNS or is_private(token):
        return True
    return unicodedata.category(token) in ("Sm", "Sc", "So", "Ps", "Pe") and token not in _BULLETS


_BULLETS: Final = frozenset("•·▪◦")
"""Signs that say no more than that an item begins. Boxes and circles that can be ticked are not among them."""


def words(pieces: Iterable[str]) -> Iterator[str]:
    """The tokens of a text that comes in pieces; none reaches over the end of a piece."""
    for piece in pieces:
        yield from tokens(piece)


def counts(token: str) -> bool:
    """Whether a token may be what a program sets where it counts."""
    return token == COUNTED or _NUMBER.fullmatch(token) is not None


def matches(pattern: list[str], found: list[str]) -> list[str] | None:
    """Whether tokens are those of a pattern, with numbers where it counts; the numbers and bullets, or None."""
    if len(pattern) != len(found):
        return None
    free: list[str] = []
    for want, have in zip(pattern, found, strict=True):
        if want == have and want not in (COUNTED, BULLET):
            continue
        if not ((want == COUNTED and counts(have)) or (want == BULLET and len(have) == 1)):
            return None
        free.append(have)
    return free
