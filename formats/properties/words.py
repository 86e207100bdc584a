"""Text compared by its words: what was said, in the order in which it was said, however it is set.

Words are runs of letters and digits after NFC, so that a letter with its diacritics written in one sign or in several is the same
letter, and a changed diacritic is another word. A minus that stands before a number belongs to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from formats.properties.facts import Compared

__all__ = ["NEIGHBOURS", "compare_words", "words"]

NEIGHBOURS = 0.9
"""Least share of neighbouring words that must be neighbours in the result too. Tables, columns, foot notes and text frames are set
in another order by every program; a text whose paragraphs were mixed up falls below a half."""

PARTED = 8
"""Neighbours that may be parted however short the text is: head, foot and two frames, each at its beginning and its end."""

SHOWN = 5
"""Words that a difference names."""

MARKS = "\u0300-\u036f\u1dc0-\u1dff\u20d0-\u20ff"
_WORD = re.compile(rf"(?:(?<!\S)[-\u2212](?=\d))?[\w{MARKS}]+")
_LIGATURES = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_FOLDED = str.maketrans({**_LIGATURES, "\u00ad": "", "\u200b": "", "\u2060": "", "\ufeff": "", "\u2212": "-"})


def words(pieces: Iterable[str]) -> Iterator[str]:
    """The words of a text that comes in pieces; a word does not reach over the end of a piece."""
    for piece in pieces:
        for word in _WORD.findall(unicodedata.normalize("NFC", piece.translate(_FOLDED))):
            yield word.strip("_") or word


def compare_words(source: Iterable[str], result: Iterable[str], least: float | None = None) -> Compared:
    """Whether the result says all that the source says and nothing else.

    Every word of the source must be there as often as in the source. What is there more often must be a word of the source (headings
    that are repeated on every page) or a number (pages, lists). Memory grows with the number of different pairs of words.
    """
    least = NEIGHBOURS if least is None else least
    was, pairs_were = _counted(source)
    now, pairs_are = _counted(result)
    facts = {"words": was.total(), "found": now.total()}
    if not was:
        empty = not [word for word in now if not word.isdigit()]
        return Compared("text", empty, detail="" if empty else f"words that the source does not have: {_some(now)}", facts=facts)
    if lost := was - now:
        return Compared("text", False, detail=f"{lost.total()} words are lost: {_some(lost)}", facts=facts)
    foreign = Counter({word: count for word, count in now.items() if word not in was and not word.strip("-").isdigit()})
    if foreign:
        return Compared("text", False, detail=f"words that the source does not have: {_some(foreign)}", facts=facts)
    kept = (pairs_were & pairs_are).total()
    share = kept / pairs_were.total() if pairs_were else 1.0
    ordered = share >= least or pairs_were.total() - kept <= PARTED
    detail = "" if ordered else f"the words stand in another order ({share:.0%} of the neighbours are neighbours still)"
    return Compared("text", ordered, share, detail, facts)


def _counted(text: Iterable[str]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    single, pairs = Counter[str](), Counter[tuple[str, str]]()
    last = ""
    for word in words(text):
        single[word] += 1
        if last:
            pairs[(last, word)] += 1
        last = word
    return single, pairs


def _some(counted: Counter[str]) -> str:
    names = ", ".join(f"“{word}”" for word, _ in counted.most_common(SHOWN))
    return names + (" …" if len(counted) > SHOWN else "")
