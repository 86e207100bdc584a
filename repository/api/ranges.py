"""Ranges of bytes (RFC 9110 §14), and the preconditions that go with them (§13)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["Unsatisfiable", "matches", "range_of"]

_ONE: Final = re.compile(r"(?i:bytes)=[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")

_DIGITS: Final = 18
"""Digits of the largest sizes that a file can have (2^62)."""


class Unsatisfiable(Exception):
    """The range begins behind the end."""


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """(first byte, one behind the last) of a request for one range; None for what may be ignored: no range, another unit, several
    ranges, or nothing that can be understood (§14.2).

    Raises:
        Unsatisfiable: it lies outside the ``size`` bytes.
    """
    match = _ONE.fullmatch(header)
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        if _number(suffix) == 0 or size == 0:
            raise Unsatisfiable
        return max(0, size - _number(suffix)), size
    start = _number(first)
    if last and _number(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, min(size, _number(last) + 1 if last else size)


def _number(digits: str) -> int:
    """What they say, or as much as is beyond every file."""
    found = digits.lstrip("0")
    return int(found or "0") if len(found) <= _DIGITS else 10**_DIGITS


def matches(header: Iterable[str], etag: str, *, weak: bool) -> bool:
    """Whether a list of entity tags has ``etag`` (strong), or is "*". ``weak`` lets a weak tag count (If-None-Match, §13.1.2)."""
    tags = [tag.strip() for line in header for tag in line.split(",")]
    return "*" in tags or etag in tags or (weak and f"W/{etag}" in tags)
