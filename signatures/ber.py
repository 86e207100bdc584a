"""BER and DER, walked without recursion over a buffer that may be a file of any size: where the parts of a CMS lie, and nothing built.

Hostile input costs time in proportion to its length and a fixed depth; whatever is wrong is `Malformed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.phrases import phrase
from signatures.held import Paged

__all__ = [
    "DEEPEST",
    "Again",
    "Beyond",
    "Buffer",
    "Malformed",
    "Part",
    "distinguished",
    "element",
    "guard",
    "octets",
    "parts",
    "row",
]

Buffer = bytes | memoryview | Paged

DEEPEST = 64
"""Nesting of real CMS stays below 30; a reader that recurses (asn1crypto) leaves Python's stack at about 200."""

MOST_ELEMENTS = 1_000_000
"""Elements of one structure, at about 1 µs each; a revocation list of 200,000 certificates has as many."""

LONGEST_OID = 1000
"""Bytes; real ones have below 40. A library writes each anew in numbers, arc by arc, whenever it is asked which one it is."""

OID, SEQUENCE, OCTETS, CONSTRUCTED_OCTETS = 0x06, 0x30, 0x04, 0x24


class Malformed(ValueError):
    """The bytes are no BER, or go deeper than anything honest."""


class Beyond(Malformed):
    """The bytes are more, or richer, than what is looked at: nothing is known of them."""


@dataclass(frozen=True, slots=True)
class Part:
    """One element: its identifier octet, where it starts, where its contents start and end, and where it ends."""

    tag: int
    start: int
    body: int
    body_end: int
    end: int

    @property
    def constructed(self) -> bool:
        return bool(self.tag & 0x20)


def _header(data: Buffer, at: int, limit: int) -> tuple[int, int, int | None]:
    """(identifier octet, where contents start, length or None when indefinite)."""
    if at + 2 > limit:
        raise Malformed(phrase("ber-ends-inside", at=at))
    tag = data[at]
    at += 1
    if tag & 0x1F == 0x1F:
        while True:
            if at >= limit:
                raise Malformed(phrase("ber-inside-tag", at=at))
            at += 1
            if not data[at - 1] & 0x80:
                break
    if at >= limit:
        raise Malformed(phrase("ber-ends-before", at=at))
    first = data[at]
    at += 1
    if first < 0x80:
        return tag, at, first
    if first == 0x80:
        if not tag & 0x20:
            raise Malformed(phrase("ber-indefinite", at=at))
        return tag, at, None
    count = first & 0x7F
    if count > 8 or at + count > limit:
        raise Malformed(phrase("ber-length", count=count, at=at))
    return tag, at + count, int.from_bytes(bytes(data[at : at + count]), "big")


def element(data: Buffer, at: int = 0, limit: int | None = None) -> Part:
    """The element that starts at ``at``. One of indefinite length is walked to its end. Raises `Malformed`."""
    limit = len(data) if limit is None else limit
    tag, body, length = _header(data, at, limit)
    if length is not None:
        if body + length > limit:
            raise Malformed(phrase("ber-beyond-data-at", at=at))
        return Part(tag, at, body, body + length, body + length)
    end = _end_of_indefinite(data, body, limit)
    return Part(tag, at, body, end - 2, end)


def _end_of_indefinite(data: Buffer, at: int, limit: int) -> int:
    depth = 1
    while depth:
        tag, body, length = _header(data, at, limit)
        if tag == 0 and length == 0:
            depth -= 1
            at = body
        elif length is None:
            depth += 1
            if depth > DEEPEST:
                raise Beyond(phrase("ber-deep-at", most=DEEPEST, at=at))
            at = body
        else:
            at = body + length
            if at > limit:
                raise Malformed(phrase("ber-beyond-data"))
    return at


def parts(data: Buffer, outer: Part) -> Iterator[Part]:
    """The elements directly inside ``outer``. Raises `Malformed`."""
    at = outer.body
    while at < outer.body_end:
        part = element(data, at, outer.body_end)
        yield part
        at = part.end


def row(data: bytes) -> Iterator[bytes]:
    """The elements that stand in ``data`` one behind another, as they stand there. Raises `Malformed`.

    asn1crypto's ``contents`` may be given here; its ``dump`` writes anew what has an indefinite length, for which it takes every length
    whose last byte is 80 hex.
    """
    return (data[each.start : each.end] for each in parts(data, Part(SEQUENCE, 0, 0, len(data), len(data))))


def octets(data: Buffer, part: Part, depth: int = 0) -> Iterator[tuple[int, int]]:
    """(start, end) of the pieces of an OCTET STRING, which BER may cut up. Raises `Malformed`."""
    if not part.constructed:
        yield part.body, part.body_end
        return
    if depth > DEEPEST:
        raise Beyond(phrase("ber-deep", most=DEEPEST))
    for each in parts(data, part):
        if each.tag & 0x1F != OCTETS or each.tag & 0xC0:
            raise Malformed(phrase("ber-octets"))
        yield from octets(data, each, depth + 1)


def guard(data: bytes) -> int:
    """See that ``data`` is one element that a recursive reader may be given: nested no deeper than `DEEPEST`, whole, of no more than
    `MOST_ELEMENTS`, no identifier in it longer than `LONGEST_OID`, and nothing behind it but zeros (PDF pads with them). Returns how
    many elements there are. Raises `Malformed`.

    The one loop that everything passes through that strangers send, and that several times: short headers are read in it, and not by
    `_header`, which takes three times as long."""
    outer = element(data)
    if data[outer.end :].strip(b"\0"):
        raise Malformed(phrase("ber-follow", count=len(data) - outer.end))
    ends: list[int] = []  # of those around the one whose end is ``end``
    end, at, count = outer.body_end, outer.body, 1
    length: int | None
    while True:
        if at >= end:
            if at > end:
                raise Malformed(phrase("ber-beyond-holder"))
            if not ends:
                return count
            end = ends.pop()
            continue
        tag, length, body = data[at], data[at + 1] if at + 1 < end else 0xFF, at + 2
        if tag & 0x1F == 0x1F or length >= 0x80:
            tag, body, length = _header(data, at, end)
        count += 1
        if count > MOST_ELEMENTS:
            raise Beyond(phrase("ber-many", most=MOST_ELEMENTS))
        if length is None:
            ends.append(end)  # its own end is not known; it shares the outer one's, and its 00 00 is skipped as an element
            at = body
        elif body + length > end:
            raise Malformed(phrase("ber-beyond-holder"))
        elif tag & 0x20:
            ends.append(end)
            at, end = body, body + length
        else:
            if length > LONGEST_OID and tag == OID:
                raise Beyond(phrase("ber-long-oid", most=LONGEST_OID))
            at = body + length
            continue
        if len(ends) >= DEEPEST:
            raise Beyond(phrase("ber-deep", most=DEEPEST))


MOST_AGAIN = 30_000
"""Elements that are encoded anew; a CMS without lists inside has a thousand, and few records are over it."""

BOOLEAN, SET = 0x01, 0x31


@dataclass
class Again:
    """How many elements may still be encoded anew, where it is done several times over one file."""

    left: int = MOST_AGAIN


def _guarded(data: bytes, again: Again) -> None:
    """`guard`, whose looking is charged, too, whatever comes of it. Its elements are looked at in a fourth of the time of encoding."""
    try:
        again.left -= guard(data) // 4
    except Malformed:
        again.left -= len(data) // 64  # how far it came is not known
        raise


def distinguished(data: bytes, again: Again | None = None) -> bytes:
    """The DER of ``data``, as far as it can be told without its schema: lengths, cut up octet strings, truth, the order in a SET. Costs
    time in proportion to the length. Raises `Malformed`; no more than `MOST_AGAIN` elements are encoded."""
    again = again or Again()
    if again.left < 0:
        raise Beyond(phrase("ber-again", most=MOST_AGAIN))
    _guarded(data, again)
    return _distinguished(data, element(data), again)


def _distinguished(data: bytes, part: Part, again: Again) -> bytes:
    """`guard` has seen that this goes no deeper than `DEEPEST`."""
    again.left -= 1
    if again.left < 0:
        raise Beyond(phrase("ber-again", most=MOST_AGAIN))
    tag = part.tag
    if tag == CONSTRUCTED_OCTETS:
        tag, body = OCTETS, b"".join(data[start:end] for start, end in octets(data, part))
    elif part.constructed:
        inside = [_distinguished(data, each, again) for each in parts(data, part)]
        body = b"".join(sorted(inside) if tag == SET else inside)
    else:
        body = data[part.body : part.body_end]
        body = b"\xff" if tag == BOOLEAN and body != b"\0" else body
    return _identifier(data, part, tag) + _length(len(body)) + body


def _identifier(data: bytes, part: Part, tag: int) -> bytes:
    if tag & 0x1F != 0x1F:
        return bytes((tag,))
    end = part.start + 1
    while data[end] & 0x80:
        end += 1
    return data[part.start : end + 1]


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(size),)) + size
