"""Names as RFC 5280, 7.1 compares them: two that differ in the kind of their strings, in the size of letters or in blanks are one. Those of
certificates and their issuers are compared as they stand; authorities write names in lists with other means than in certificates.
"""

from __future__ import annotations

from collections.abc import Hashable

from signatures.ber import Malformed, element
from signatures.mended import inside
from signatures.remembered import remembered

__all__ = ["alike", "texts"]

_WIDE = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}
"""BMPString and UniversalString."""

_LETTERS = frozenset((0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, *_WIDE))


@remembered(512)
def alike(name: bytes) -> Hashable:
    """A key that two encoded names share when they are one; the bytes themselves of what is no name."""
    try:
        return tuple(frozenset(map(_attribute, inside(each))) for each in inside(name))
    except (Malformed, IndexError):
        return name


def texts(name: bytes) -> list[bytes]:
    """The values in an encoded name, as they stand there, in small letters; none in what is no name."""
    try:
        rows = [inside(row) for each in inside(name) for row in inside(each)]
        return [row[1][element(row[1]).body :].lower() for row in rows]
    except (Malformed, IndexError):
        return []


def _attribute(row: bytes) -> tuple[bytes, Hashable]:
    kind, value = inside(row)[:2]
    part, oid = element(value), element(kind)
    return kind[oid.body :], _text(part.tag, value[part.body :]) if part.tag in _LETTERS else value


def _text(tag: int, body: bytes) -> str:
    try:
        letters = body.decode(_WIDE.get(tag, "utf-8"))
    except UnicodeDecodeError:
        letters = body.decode("latin-1")
    return " ".join(letters.casefold().split())
