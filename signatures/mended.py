"""Certificates and revocation data that are not written as DER has it, and are out there: letters of Latin-1 in names, defaults that are
written out, numbers with leading zeros, times with offsets. Common programs read them; a library that reads nothing but DER does not.

`mended` writes the same once more as DER has it, for the library. Nothing that is compared, hashed or verified is taken from there: the
names, the numbers and what was signed stay the bytes that stand in the original (`Signed`). What it writes must mean the same, so whatever
could mean two things (a time without a zone, a value that is no string) stays as it is, and is then not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from policies.phrases import phrase
from signatures import der
from signatures.ber import Beyond, Malformed, Part, element, guard, octets, parts
from signatures.remembered import remembered

__all__ = ["WORDS", "Mended", "Signed", "cut", "inside", "mended", "read_as"]

MOST_MENDED = 100_000
"""Elements that are written anew: a certificate has two hundred, a list of 10,000 certificates as many as this."""

MOST_OPENED = 4
"""Strings in one another that are opened: an OCSP answer, a certificate in it, one of its extensions."""

ENUMERATED, PRINTABLE_STRING, CONSTRUCTED_OCTETS = 0x0A, 0x13, 0x24
ADDRESS = 0x86
"""uniformResourceIdentifier of a GeneralName (RFC 5280, 4.2.1.6), in extensions."""
STRINGS = frozenset((der.UTF8_STRING, PRINTABLE_STRING, 0x14, 0x16, 0x1A))
"""UTF8String, PrintableString, TeletexString, IA5String and VisibleString: in each of them Latin-1 has been found."""

_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*+")
_TIME = re.compile(rb"([0-9]{10}|[0-9]{12}|[0-9]{14})(?>([.,][0-9]{1,20}+)?)(?:Z|([+-])([0-9]{2})([0-9]{2}))")

RSA = tuple(der.write_oid(each) for each in ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"))

WORDS = {
    "letters": "cert-odd-letters",
    "times": "cert-odd-times",
    "numbers": "cert-odd-numbers",
    "key": "cert-odd-key",
    "form": "cert-odd-form",
    "behind": "cert-odd-behind",
}
"""What may be odd, by the phrase that says it."""


@dataclass(frozen=True)
class Mended:
    """``data`` is the same as DER has it; ``odd`` says what was not (keys of `WORDS`)."""

    data: bytes
    odd: tuple[str, ...]


@dataclass(frozen=True)
class Signed:
    """What somebody signed, taken apart where it lies: ``body`` is what the ``signature`` is over, ``fields`` are the elements in it."""

    body: bytes
    signature: bytes
    fields: tuple[bytes, ...]

    @classmethod
    def of(cls, data: bytes) -> Signed:
        """Of a SEQUENCE of a body, an algorithm and a signature (and, in an OCSP answer, certificates). Raises `Malformed`."""
        found = inside(data)
        if len(found) < 3 or not found[0][:1] == b"\x30" or found[2][:1] != b"\x03":
            raise Malformed(phrase("cms-not-standard", name="SIGNED"))
        bits = element(found[2])
        return cls(found[0], found[2][bits.body + 1 :], tuple(inside(found[0])))

    @property
    def versionless(self) -> tuple[bytes, ...]:
        """The fields behind a version."""
        return self.fields[1:] if self.fields[:1] and self.fields[0][:1] == b"\xa0" else self.fields


def cut(data: bytes) -> bytes:
    """The one element in ``data``, without zeros and blanks behind it, as fields of fixed length have them. Raises `Malformed`."""
    end = element(data).end
    if data[end:].strip(b"\0\t\r\n "):
        raise Malformed(phrase("ber-follow", count=len(data) - end))
    return data[:end]


def mended(data: bytes) -> Mended:
    """Raises `Malformed`: nothing is odd that can be mended, or it is more than is looked at."""
    found = _anew(data)
    if found is None:
        raise Malformed(phrase("cms-not-standard", name="DER"))
    return found


@remembered(128)
def _anew(data: bytes) -> Mended | None:
    """None: nothing is odd, which is remembered as well."""
    if guard(data) > MOST_MENDED:
        raise Beyond(phrase("ber-again", most=MOST_MENDED))
    pen = _Pen()
    found = pen.written(data)
    return Mended(found, tuple(each for each in WORDS if each in pen.odd)) if pen.odd else None


def read_as(data: bytes) -> bytes:
    """``data`` as a strict library reads it: mended where it is odd, else itself. Raises `Malformed`: it is more than is looked at."""
    try:
        return mended(data).data
    except Beyond:
        raise
    except Malformed:
        return data


def inside(data: bytes) -> list[bytes]:
    """The elements directly inside ``data``. Raises `Malformed`."""
    return [data[each.start : each.end] for each in parts(data, element(data))]


class _Pen:
    """Writes elements anew, and notes what was odd."""

    def __init__(self) -> None:
        self.odd: set[str] = set()
        self._left = MOST_MENDED
        self._opened = 0

    def written(self, data: bytes) -> bytes:
        """One element, which `guard` has seen. Raises `Malformed`."""
        return self._written(data, element(data))

    def _written(self, data: bytes, part: Part) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise Beyond(phrase("ber-again", most=MOST_MENDED))
        before, tag = data[part.start : part.end], part.tag
        if tag & 0x1F == 0x1F:
            return before
        if tag == CONSTRUCTED_OCTETS:
            return self._noted("form", before, der.encode(der.OCTET_STRING, b"".join(data[a:b] for a, b in octets(data, part))))
        if part.constructed:
            return self._constructed(data, part, before)
        if tag == ADDRESS and self._opened and not data[part.body : part.body_end].isascii():
            return self._noted("letters", before, der.encode(tag, _address(data[part.body : part.body_end])))
        if tag not in _MENDED:
            return (
                before
                if part.body - part.start == 2
                else self._noted("form", before, der.encode(tag, data[part.body : part.body_end]))
            )
        what, write = _MENDED[tag]
        return self._noted(what, before, write(tag, data[part.body : part.body_end]))

    def _noted(self, what: str, before: bytes, after: bytes) -> bytes:
        if before != after:
            self.odd.add(what)
        return after

    def _constructed(self, data: bytes, part: Part, before: bytes) -> bytes:
        row = list(parts(data, part))
        if part.tag == der.SET and len(row) > 1:
            stands = [data[each.start : each.end] for each in row]
            self._noted("form", b"".join(stands), b"".join(sorted(stands)))
        if part.body - part.start != 2 or part.body_end != part.end:
            self._noted("form", before, der.encode(part.tag, data[part.body : part.body_end]))
        found = self._without_defaults([self._written(data, each) for each in row])
        if len(found) == 2 or len(found) == 3:
            tags = bytes(each[0] for each in found)
            if tags in (_EXTENSION, _CRITICAL):
                found[-1] = self._opened_value(found[-1], point=found[0] == POINT)
            elif tags == _KEY and found[0][2 : 2 + len(RSA[0])] in RSA:
                found[1] = self._rsa(found[1])
        return der.encode(part.tag, *(sorted(found) if part.tag == der.SET else found))

    def _without_defaults(self, row: list[bytes]) -> list[bytes]:
        """Without a version 1, and without ``critical FALSE``: DER leaves defaults out (X.690, 11.5)."""
        if len(row) > 3 and row[0] == _FIRST_VERSION and row[1][0] in (der.INTEGER, 0xA1, 0xA2):
            self.odd.add("form")
            return row[1:]
        if len(row) > 3 and row[0] == _LIST_VERSION and bytes(each[0] for each in row[1:4]) in _LIST:
            self.odd.add("form")
            return row[1:]
        if len(row) == 3 and row[1] == _FALSE and bytes(each[0] for each in row) == _CRITICAL:
            self.odd.add("form")
            return [row[0], row[2]]
        return row

    def _opened_value(self, data: bytes, *, point: bool) -> bytes:
        """An OCTET STRING with one element in it, as extensions and OCSP answers are; any other stays as it is. ``point``: it is the
        distribution point that a list is of."""
        part = element(data)
        value = data[part.body : part.body_end]
        if self._opened >= MOST_OPENED:
            return data
        try:
            outer = element(value)
            if outer.constructed:
                guard(value)
        except Malformed:
            return data
        if outer.end != len(value):
            return data
        self._opened += 1
        try:
            found = self.written(value)
            return der.encode(part.tag, self._truths(found) if point and outer.tag == der.SEQUENCE else found)
        finally:
            self._opened -= 1

    def _truths(self, point: bytes) -> bytes:
        """An IssuingDistributionPoint: its truths are known by their tags alone (RFC 5280, 5.2.5)."""
        rows = [_truth(each[0], each[2:]) if each[0] in _TRUTHS and len(each) == 3 else each for each in inside(point)]
        return self._noted(
            "form", point, der.sequence(*(each for each in rows if not (each[0] in _TRUTHS and each[1:] == b"\1\0")))
        )

    def _rsa(self, data: bytes) -> bytes:
        """The BIT STRING of an RSA key. Neither of its numbers can be negative: where the first bit is set, the zero before it was
        forgotten (old smart cards), and openssl takes it so."""
        part = element(data)
        try:
            numbers = inside(data[part.body + 1 : part.body_end])
        except Malformed:
            return data
        if data[part.body : part.body + 1] != b"\0" or [each[0] for each in numbers] != [der.INTEGER, der.INTEGER]:
            return data
        found = (der.write_integer(int.from_bytes(each[element(each).body :], "big")) for each in numbers)
        return self._noted("key", data, der.encode(der.BIT_STRING, b"\0", der.sequence(*found)))


_EXTENSION = bytes((der.OID, der.OCTET_STRING))
_CRITICAL = bytes((der.OID, der.BOOLEAN, der.OCTET_STRING))
_KEY = bytes((der.SEQUENCE, der.BIT_STRING))
_FIRST_VERSION = b"\xa0\x03\x02\x01\x00"
_FALSE = b"\x01\x01\x00"
_LIST_VERSION = b"\x02\x01\x00"
_LIST = frozenset(bytes((der.SEQUENCE, der.SEQUENCE, each)) for each in (der.UTC_TIME, der.GENERALIZED_TIME))
"""What a revocation list begins with, behind its version, and nothing else does (RFC 5280, 5.1)."""
_TRUTHS = frozenset(b"\x81\x82\x84\x85")
"""onlyContainsUserCerts, onlyContainsCACerts, indirectCRL and onlyContainsAttributeCerts."""
POINT = der.write_oid("2.5.29.28")


def _truth(tag: int, body: bytes) -> bytes:
    return der.encode(tag, b"\xff" if len(body) == 1 and body != b"\0" else body)


def _number(tag: int, body: bytes) -> bytes:
    number = der.write_integer(int.from_bytes(body, "big", signed=True)) if body else der.encode(tag, body)
    return bytes((tag,)) + number[1:]


def _string(tag: int, body: bytes) -> bytes:
    """A string, as it stands where its letters may stand in it; else as UTF-8, read as Latin-1."""
    try:
        letters = body.decode()
    except UnicodeDecodeError:
        letters = body.decode("latin-1")
    else:
        if tag != PRINTABLE_STRING or _PRINTABLE.fullmatch(body):
            return der.encode(tag, body)
    return der.encode(der.UTF8_STRING, letters.encode())


def _address(body: bytes) -> bytes:
    """An address with the letters that it may not have percent-encoded (RFC 3986, 2.1)."""
    return b"".join(bytes((each,)) if each < 0x80 else b"%%%02X" % each for each in body)


def _time(tag: int, body: bytes) -> bytes:
    """A time in UTC, to the second; as it stands where it is none, or has no zone: nobody knows which was meant. So does one with parts of
    an hour or a minute."""
    short = tag == der.UTC_TIME
    found = _TIME.fullmatch(body)
    digits = found[1].decode() if found else ""
    if found is None or (short and len(digits) == 14) or (found[2] and len(digits) != (12 if short else 14)):
        return der.encode(tag, body)
    if short:
        digits = ("20" if digits < "5" else "19") + digits
    try:
        moment = datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        if found[3]:
            offset = timedelta(hours=int(found[4]), minutes=int(found[5]))
            moment = moment.replace(tzinfo=timezone(-offset if found[3] == b"-" else offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return der.encode(tag, body)
    if short and not 1950 <= moment.year < 2050:
        tag, short = der.GENERALIZED_TIME, False
    return der.encode(tag, f"{moment:%Y%m%d%H%M%SZ}"[2 if short else 0 :].encode())


_MENDED: dict[int, tuple[str, Callable[[int, bytes], bytes]]] = {
    der.BOOLEAN: ("form", _truth),
    der.INTEGER: ("numbers", _number),
    ENUMERATED: ("numbers", _number),
    der.UTC_TIME: ("times", _time),
    der.GENERALIZED_TIME: ("times", _time),
    **dict.fromkeys(STRINGS, ("letters", _string)),
}
"""What is written anew by its tag, and what is odd where that changes it."""
