"""Disposal: from when a record may be destroyed, as far as what was said of it tells (thời hạn lưu trữ).

Law on Archives 2024, article 15: for ever (vĩnh viễn), or for a term in years from the year in which the work ended; what has several terms
is kept for the longest. Circular 05/2025/TT-BNV has codes for them. Kho disposes of nothing by itself: this only bounds promises that
cannot be taken back.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["Term", "disposal"]

RETENTION, DATE = "retention", "date"
"""The descriptive fields that tell the term, and when the work began and ended."""

CODES = {"02": 70, "03": 50, "04": 30, "05": 20, "06": 10}
"""Codes of Circular 05/2025/TT-BNV, annex I: years. 01 is for ever; 07 is another term, which has to be said in words."""

_FOR_EVER = {"01", "vinh vien", "permanent", "permanently", "for ever", "forever", "indefinite", "indefinitely"}

_YEARS = re.compile(r"(\d{1,3})\s*(?:nam|years?|y)?")

_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|2\d\d\d)(?!\d)")

_VIETNAM = timezone(timedelta(hours=7))


class Term(enum.Enum):
    """Terms that have no date."""

    FOR_EVER = "for ever"
    UNKNOWN = "unknown"
    """There is a term, and when it ends was not said."""


def disposal(fields: Mapping[str, Iterable[str]]) -> datetime | Term:
    """The first moment at which a record described so may be disposed of. One of which no term is told is kept for ever: permanent
    records are what comes to a historical archive."""
    terms = [_term(each) for each in fields.get(RETENTION, ()) if each.strip()]
    if not terms or Term.FOR_EVER in terms:
        return Term.FOR_EVER
    years = [term for term in terms if isinstance(term, int)]
    ends = [int(year) for each in fields.get(DATE, ()) for year in _YEAR.findall(each)]
    if len(years) < len(terms) or not ends:
        return Term.UNKNOWN
    return datetime(max(ends) + max(years) + 1, 1, 1, tzinfo=_VIETNAM).astimezone(UTC)


def _term(text: str) -> int | Term:
    plain = _plain(text)
    if plain in _FOR_EVER:
        return Term.FOR_EVER
    if plain in CODES:
        return CODES[plain]
    found = _YEARS.fullmatch(plain)
    return int(found[1]) if found and not plain.startswith("0") and int(found[1]) else Term.UNKNOWN


def _plain(text: str) -> str:
    """Without diacritics, letter case and signs at the ends."""
    bare = "".join(
        c for c in unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D")) if not unicodedata.combining(c)
    )
    return " ".join(bare.casefold().split()).strip(" .,;:()")
