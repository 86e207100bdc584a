"""Folding text for search: "dat dai" finds "Đất đai"."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

__all__ = ["MOST_WORDS", "fold", "searchable", "words"]

MOST_WORDS = 16
"""Words of one query that are looked for; each costs a pass over the text."""

_LETTERS = str.maketrans({"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that Unicode does not take apart into a base letter and a mark."""


def fold(text: str) -> str:
    """Without case, diacritics and differences of Unicode form; white space becomes single spaces."""
    if text.isascii():  # ids, dates, codes: nothing to take apart
        return " ".join(text.lower().split())
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in apart if not unicodedata.combining(char)).translate(_LETTERS)
    return " ".join(bare.split())


def searchable(identity: Iterable[str], fields: Mapping[str, tuple[str, ...]]) -> str:
    """What is searched of an AIP: each value on its own line, so that no word reaches over two."""
    values = [*identity, *(value for name in sorted(fields) for value in fields[name])]
    return "\n".join(dict.fromkeys(fold(value) for value in values))


def words(query: str) -> list[str]:
    """The words of a query, each as a LIKE pattern (escape character ``\\``); all of them must be found."""
    escaped = (word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for word in fold(query).split())
    return [f"%{word}%" for word in list(dict.fromkeys(escaped))[:MOST_WORDS]]
