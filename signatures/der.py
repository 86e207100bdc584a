"""DER, read strictly and written plainly (X.690): what evidence records, time-stamp requests and tokens are made of.

Own code because an archive has to tell *exactly one encoding* from everything that merely decodes to the same values: a byte that
may change without notice is a byte that proves nothing. Reading never copies and never recurses into what was not asked for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from policies.phrases import phrase

__all__ = [
    "DerBeyond",
    "DerError",
    "Tlv",
    "algorithm",
    "check",
    "children",
    "encode",
    "expect",
    "integer",
    "moment",
    "octets",
    "oid",
    "read",
    "sequence",
    "set_of",
    "subsequences",
    "tags",
    "whole",
    "write_integer",
    "write_oid",
]

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x30, 0x31, 0x17, 0x18

DEEPEST = 60
"""Levels of nesting that `check` follows. Real records have about 20; without a bound a few kilobytes could exhaust the stack."""


class DerError(ValueError):
    """The bytes are not the DER that was expected. ``offset`` is where, from the start of the whole input."""

    def __init__(self, reason: str, offset: int) -> None:
        self.reason, self.offset = reason, offset
        super().__init__(phrase("der-at", why=reason, at=offset))


class DerBeyond(DerError):
    """The bytes are more than what is looked at: nothing is known of them."""


class Tlv(NamedTuple):
    """One element: its identifier octet, where it starts, where its content starts, and where it ends."""

    tag: int
    start: int
    body: int
    end: int


def read(data: bytes, start: int, end: int, *, lenient: bool = False) -> Tlv:
    """The element at ``start``, which must end by ``end``. ``lenient`` lets BER's indefinite and overlong lengths pass (tokens are
    often BER). Raises DerError."""
    body = start + 2
    if body > end:
        raise DerError(phrase("der-ends"), start)
    tag, length = data[start], data[start + 1]
    if length < 0x80 and tag & 0x1F != 0x1F and body + length <= end:  # most elements by far
        return tuple.__new__(Tlv, (tag, start, body, body + length))
    if tag & 0x1F == 0x1F:
        raise DerError(phrase("der-tag"), start)
    if length == 0x80 and lenient and tag & 0x20:
        return Tlv(tag, start, body, _indefinite(data, body, end))
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or body + count > end:
            raise DerError(phrase("der-length"), start)
        length = data[body] << 8 | data[body + 1] if count == 2 else int.from_bytes(data[body : body + count], "big")
        if not lenient and (length < 0x80 or data[body] == 0):
            raise DerError(phrase("der-length-form"), start)
        body += count
    if body + length > end:
        raise DerError(phrase("der-longer"), start)
    return tuple.__new__(Tlv, (tag, start, body, body + length))


def _indefinite(data: bytes, body: int, end: int, depth: int = 0) -> int:
    """Where an element of indefinite length ends, its end-of-contents octets included."""
    if depth > DEEPEST:
        raise DerBeyond(phrase("der-levels"), body)
    at = body
    while data[at : at + 2] != b"\0\0":
        if end - at < 2:
            raise DerError(phrase("der-no-end"), at)
        nested = data[at + 1] == 0x80 and data[at] & 0x20
        at = _indefinite(data, at + 2, end, depth + 1) if nested else read(data, at, end, lenient=True).end
    return at + 2


MOST_CHILDREN = 300_000
"""Elements of one list; each is an object of 100 bytes. A hash tree list of a group has as many as there are files in it."""


def children(data: bytes, parent: Tlv, *, lenient: bool = False) -> list[Tlv]:
    """The elements in a constructed one, which they must fill, and be no more than `MOST_CHILDREN`. Raises DerError."""
    found: list[Tlv] = []
    _, start, at, end = parent
    if lenient and data[start + 1] == 0x80:
        end -= 2
    new, add = tuple.__new__, found.append
    while at < end:
        body = at + 2
        # Most elements by far have a plain tag and a short length: here without a call for each.
        if (
            body <= end
            and (length := data[at + 1]) < 0x80
            and (stop := body + length) <= end
            and (tag := data[at]) & 0x1F != 0x1F
        ):
            add(new(Tlv, (tag, at, body, stop)))
            at = stop
        else:
            each = read(data, at, end, lenient=lenient)
            add(each)
            at = each[3]
        if len(found) >= MOST_CHILDREN and at < end:
            raise DerBeyond(phrase("ber-many", most=MOST_CHILDREN), at)
    return found


def whole(data: bytes, tag: int = SEQUENCE, *, lenient: bool = False) -> Tlv:
    """The one element that ``data`` is, and nothing after it. Raises DerError."""
    found = expect(read(data, 0, len(data), lenient=lenient), tag)
    if found.end != len(data):
        raise DerError(phrase("der-follows"), found.end)
    return found


def expect(element: Tlv, tag: int) -> Tlv:
    """``element`` itself when it has this identifier octet. Raises DerError."""
    if element.tag != tag:
        raise DerError(phrase("der-octet", found=f"{element.tag:02x}", expected=f"{tag:02x}"), element.start)
    return element


def integer(data: bytes, element: Tlv, tag: int = INTEGER) -> int:
    """Raises DerError unless it is a whole number in its shortest form."""
    found, start, at, end = element
    if found != tag:
        expect(element, tag)
    body = data[at:end]
    if not body or (len(body) > 1 and ((body[0] == 0 and body[1] < 0x80) or (body[0] == 0xFF and body[1] >= 0x80))):
        raise DerError(phrase("der-number"), start)
    return int.from_bytes(body, "big", signed=True)


def oid(data: bytes, element: Tlv) -> str:
    """An object identifier in dotted form. Raises DerError."""
    expect(element, OID)
    try:
        return _dotted(data[element.body : element.end])
    except ValueError as error:
        raise DerError(str(error), element.start) from None


@functools.lru_cache(maxsize=512)
def _dotted(body: bytes) -> str:
    """Remembered: the same few stand in every token. Raises ValueError."""
    if not body or body[-1] & 0x80:
        raise ValueError(phrase("der-oid-ends"))
    arcs, value, fresh = [], 0, True
    for byte in body:
        if fresh and byte == 0x80:
            raise ValueError(phrase("der-oid-form"))
        value, fresh = value << 7 | byte & 0x7F, not byte & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def octets(data: bytes, element: Tlv, *, lenient: bool = False) -> bytes:
    """The bytes of an OCTET STRING; BER's constructed form only when ``lenient``. Raises DerError."""
    if lenient and element.tag == OCTET_STRING | 0x20:
        return b"".join(octets(data, each, lenient=True) for each in children(data, element, lenient=True))
    return data[expect(element, OCTET_STRING).body : element.end]


_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d*[1-9]))?Z")


def moment(data: bytes, element: Tlv) -> datetime:
    """A GeneralizedTime in UTC, fractions of a second allowed (RFC 3161 §2.4.2). Raises DerError."""
    found = _TIME.fullmatch(data, expect(element, GENERALIZED_TIME).body, element.end)
    if found is None:
        raise DerError(phrase("der-time-form"), element.start)
    *parts, fraction = found.groups()
    year, month, day, hour, minute, second = map(int, parts)
    millionths = int(fraction[:6].ljust(6, b"0")) if fraction else 0
    try:
        return datetime(year, month, day, hour, minute, second, millionths, UTC)  # a second of 60 is refused
    except ValueError:
        raise DerError(phrase("der-time"), element.start) from None


def algorithm(data: bytes, element: Tlv, tag: int = SEQUENCE, *, lenient: bool = False) -> tuple[str, bytes]:
    """(object identifier, parameters) of an AlgorithmIdentifier; parameters are their encoding, b"" when absent. Raises DerError."""
    parts = children(data, expect(element, tag), lenient=lenient)
    if not 1 <= len(parts) <= 2:
        raise DerError(phrase("der-algorithm"), element.start)
    return oid(data, parts[0]), data[parts[1].start : parts[1].end] if len(parts) == 2 else b""


def check(data: bytes, element: Tlv) -> None:
    """Raises DerError where ``element``, whole, is not DER. The order of SET OF is left out: many producers do not sort
    certificates, and nothing that is hashed here depends on it."""
    above: list[int] = []  # where the elements end that hold the present one
    at, end = element.start, element.end
    while at < end:
        tag, length = data[at], data[at + 1] if at + 1 < end else 0x80
        body, stop = at + 2, at + 2 + length
        if length >= 0x80 or stop > end or tag & 0x1F == 0x1F:
            _, _, body, stop = read(data, at, end)
        if tag in _FREE:
            at = stop
        elif tag in _PLAIN:
            _PLAIN[tag](data, tuple.__new__(Tlv, (tag, at, body, stop)))
            at = stop
        elif tag in _PIECES:
            raise DerError(phrase("der-pieces"), at)
        else:  # constructed: what fills it comes next
            above.append(end)
            if len(above) > DEEPEST:
                raise DerBeyond(phrase("der-levels"), at)
            at, end = body, stop
        while at == end and above:
            end = above.pop()


def _null(data: bytes, element: Tlv) -> None:
    if element.end != element.body:
        raise DerError(phrase("der-null"), element.start)


def _truth(data: bytes, element: Tlv) -> None:
    if data[element.body : element.end] not in (b"\0", b"\xff"):
        raise DerError(phrase("der-truth"), element.start)


_PLAIN: dict[int, Callable[[bytes, Tlv], object]] = {INTEGER: integer, OID: oid, NULL: _null, BOOLEAN: _truth}
"""Plain elements whose content has a form, and what raises DerError unless it is that form."""

_PIECES = frozenset((OCTET_STRING | 0x20, UTF8_STRING | 0x20, BIT_STRING | 0x20))
"""Strings in pieces, as BER may write them."""

_FREE = frozenset(tag for tag in range(256) if not tag & 0x20 and tag & 0x1F != 0x1F and tag not in _PLAIN)
"""Plain elements whose content is the same in every encoding."""


def tags(elements: Iterable[Tlv]) -> bytes:
    """Their identifier octets, one behind the other."""
    return bytes([tag for tag, _, _, _ in elements])


def subsequences(tags: Sequence[int]) -> frozenset[bytes]:
    """Which of optional elements may stand together, by their tags: any, each once, in this order."""
    return frozenset(bytes(tag for bit, tag in enumerate(tags) if mask >> bit & 1) for mask in range(1 << len(tags)))


def encode(tag: int, *parts: bytes) -> bytes:
    """One element."""
    body = b"".join(parts)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + body


def sequence(*parts: bytes) -> bytes:
    return encode(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """A SET OF, its members in the order of DER."""
    return encode(tag, *sorted(parts))


def write_integer(value: int) -> bytes:
    bits = (value if value >= 0 else ~value).bit_length()  # of -128 seven, so that it takes one byte
    return encode(INTEGER, value.to_bytes(bits // 8 + 1, "big", signed=True))


@functools.lru_cache(maxsize=512)
def write_oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        body += bytes(reversed(groups))
    return encode(OID, bytes(body))
