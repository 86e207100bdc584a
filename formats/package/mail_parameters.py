"""The value of a field of a mail and its parameters (RFC 2045, 5.1; RFC 2231): ``multipart/mixed; boundary="x"; name*=utf-8'vi'C%C3%B4ng``.

Own code, for the library's takes time in the square of what is written, and raises what the character sets raise that a mail names. Each
byte is gone through once; what is longer than any program writes is cut, and said to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

__all__ = ["MOST_FIELD", "Parameters", "parameters_of"]

MOST_FIELD = 4096
"""Bytes of a field that are read: the name of a file, of which file systems take 255 bytes, has some 800 in RFC 2231."""

_FOLD = re.compile(rb"\r?\n")
_OUTSIDE = re.compile(rb'(?>"(?:[^"\\]++|\\.?)*"?)|(?P<comment>(?:(?<=[\s;/])|\A)\()|[^"(]++|\(', re.DOTALL)
"""A quoted string, which may lack its end; where a comment begins; what is neither."""

_INSIDE = re.compile(rb"[^()\\]++|\\.?|[()]", re.DOTALL)
_PIECE = re.compile(rb'((?>(?:[^;"]++|"(?:[^"\\]++|\\.?)*"?)*))(?:;|\Z)', re.DOTALL)
_PARAMETER = re.compile(rb"([^=*\s]{1,100}+)(?>(?:\*(\d{1,4}+))?)(\*?+)\s*+=(.*)", re.DOTALL)
_QUOTED = re.compile(rb'"((?>(?:[^"\\]++|\\.)*))"', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)

_SETS = re.compile(
    r"(?:us-)?ascii|utf-?(?:7|8|16|32)(?:[lb]e)?|iso-?8859-\d{1,2}|iso-2022-(?:jp|kr)|(?:windows-|cp)\d{3,4}|koi8-[rtu]|big5(?:hkscs)?|"
    r"gb(?:k|2312|18030)|hz|shift_jis|euc-(?:jp|kr)|tis-620|mac(?:intosh|roman)|tcvn\d?|viscii",
    re.IGNORECASE,
)
"""Sets of characters, in which a name may be written; the library calls by such names also what is none."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A value, or one of the pieces in which it stands (RFC 2231, 3): ``encoded`` with a set of characters and per cent (4)."""

    number: int
    value: bytes
    encoded: bool
    odd: bool
    """It is neither a word nor a quoted string, so that readers do not agree on what it is."""


@dataclass(frozen=True)
class Parameters:
    """``first`` is what stands before the parameters; ``cut``: it is longer than is read."""

    first: bytes = b""
    cut: bool = False
    _sections: dict[bytes, list[_Section]] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """``first`` in small letters, without blanks and comments: the name of a type, of a disposition, of an encoding."""
        return b"".join(self.first.split(b"(", 1)[0].split()).decode("ascii", "replace").lower()

    def value(self, name: bytes) -> bytes:
        """As it is; b"" where it is not there."""
        return self._joined(name)[1]

    def text(self, name: bytes) -> str:
        """In the set of characters that is said. Which that is may be a lie: what cannot be told is shown as what it is not."""
        characters, value = self._joined(name)
        try:
            return value.decode(characters if _SETS.fullmatch(characters) else "utf-8", "replace").strip()
        except (LookupError, ValueError):
            return value.decode("utf-8", "replace").strip()

    def doubtful(self, name: bytes) -> bool:
        """Whether readers may not agree on its value."""
        found = self._sections.get(name, [])
        return any(each.odd for each in found) or len({each.number for each in found}) < len({(e.number, e.value) for e in found})

    def _joined(self, name: bytes) -> tuple[str, bytes]:
        """(set of characters, value): what stands there whole, the first of several; else its pieces in order."""
        found = self._sections.get(name, [])
        whole = next((each for each in found if each.number < 0), None)
        pieces = [whole] if whole else [each for _, each in sorted({each.number: each for each in found[::-1]}.items())]
        if not pieces:
            return "", b""
        characters, taken = b"", [each.value for each in pieces]
        if pieces[0].encoded and taken[0].count(b"'") >= 2:
            characters, _, taken[0] = taken[0].split(b"'", 2)
        joined = (unquote_to_bytes(each) if piece.encoded else each for piece, each in zip(pieces, taken, strict=True))
        return characters.decode("ascii", "replace"), b"".join(joined)


@lru_cache(maxsize=64)
def parameters_of(value: bytes) -> Parameters:
    """What the body of a field says."""
    cut = len(value) > MOST_FIELD
    pieces = _pieces(_uncommented(_FOLD.sub(b"", value[:MOST_FIELD])).strip())
    first = next(pieces, b"")
    sections: dict[bytes, list[_Section]] = {}
    for piece in pieces:
        if (found := _PARAMETER.match(piece)) is not None:
            name, number, star, said = found.groups()
            plain, odd = _unquoted(said.strip())
            sections.setdefault(name.lower(), []).append(_Section(int(number) if number else -1, plain, bool(star), odd))
    return Parameters(first, cut, sections)


def _pieces(value: bytes) -> Iterator[bytes]:
    """What stands between semicolons that are not quoted; a quoted string that does not end takes all that follows."""
    at = 0
    while at < len(value) and (found := _PIECE.match(value, at)) is not None:
        yield found[1].strip()
        at = found.end()


def _unquoted(value: bytes) -> tuple[bytes, bool]:
    if b'"' not in value:
        return value, False
    found = _QUOTED.match(value)
    if found is None:
        return value.strip(b'"'), True
    return _ESCAPED.sub(rb"\1", found[1]), found.end() < len(value)


def _uncommented(value: bytes) -> bytes:
    """Without comments, which may stand in one another (RFC 5322, 3.2.2); quoted they are none, nor where they do not end."""
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    at, behind = 0, False
    while (found := _OUTSIDE.match(value, at)) is not None:
        if found["comment"] is None and not (behind and found[0] == b"("):
            kept.append(found[0])
            at, behind = found.end(), False
            continue
        end = _comment_end(value, at)
        if end is None:
            kept.append(value[at:])
            break
        kept.append(b" ")
        at, behind = end, True
    return b"".join(kept)


def _comment_end(value: bytes, at: int) -> int | None:
    depth = 0
    for found in _INSIDE.finditer(value, at):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return None
