"""PAdES and plain PDF signatures: several in one file, in their revisions, and document time-stamps.

Signatures are found in the bytes and in the form, and both must agree: the value lies exactly in the gap that ``/ByteRange`` leaves
open. So a document that pyHanko cannot parse, or that hides a signature from its form, is judged all the same.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from policies.findings import Finding
from policies.phrases import phrase
from signatures.ber import Beyond, Malformed, element
from signatures.cades import read_cms
from signatures.certificates import Certificate, certificates_of
from signatures.cms import CHUNK, open_cms
from signatures.collected import Collected
from signatures.held import Held, held, matches, pieces
from signatures.pdf import Field, Pdf, Prefix
from signatures.pdf_marks import FAR, claims
from signatures.poe import digest_of
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source, Stamp
from signatures.stamps import read_stamp
from signatures.unread import unread

__all__ = ["PadesVerifier"]

BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s*\]")
HEX = re.compile(rb"<[0-9A-Fa-f\s]*>\Z")
END = re.compile(rb"%%EOF[\r\n \0]*\Z")

MOST_SIGNATURES = 200
"""Signatures of one document that are read: each costs a pass over the file. What lies beyond is a finding."""

MOST_RAW = 2000
"""Places that look like a signature's byte ranges; a document with more is text about signatures, or an attack."""

MOST_COMPARED = 12
"""Signatures whose later changes are analysed (about 0.1 s each in a large document); of the others they are unknown."""

LARGEST_VALUE = 4 << 20
"""Bytes of one signature value: those with a CRL inside have up to three megabytes."""

STAMP_FILTER = "/ETSI.RFC3161"
SHA1_FILTER = "/adbe.pkcs7.sha1"
RAW_FILTER = "/adbe.x509.rsa_sha1"


@dataclass(frozen=True)
class _Place:
    """One signature in the bytes: ``field`` when the form names it."""

    byte_range: tuple[int, ...]
    field: Field | None

    @property
    def end(self) -> int:
        return self.byte_range[2] + self.byte_range[3]

    @property
    def covered(self) -> int:
        return self.byte_range[1] + self.byte_range[3]

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        a, b, c, d = self.byte_range
        return (a, b), (c, d)


class PadesVerifier:
    """`signatures.signed.Verifier` for PDF."""

    kinds = frozenset({Kind.PADES})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        self._known = tuple(known)

    def read(self, source: Source) -> SignedFile:
        with source.path.open("rb") as stream:
            if not stream.seek(0, 2):
                return SignedFile()
            with held(stream) as data:
                return _Reading(stream, data, self._known).file()


class _Reading:
    """One document being read. Its bytes for the arithmetic, pyHanko for the structure."""

    def __init__(self, stream: BinaryIO, data: Held, known: tuple[Certificate, ...]) -> None:
        self._stream = stream
        self._data = data
        self._known = known
        self._pdf = Pdf(io.BytesIO(data) if isinstance(data, bytes) else self._prefix(len(data)))
        self._collected = Collected()
        self._proofs: list[tuple[_Place, Collected]] = []
        self._stores: list[tuple[_Place, frozenset[bytes]]] = []
        self._explained = 0
        self._fields = self._pdf.fields()

    def file(self) -> SignedFile:
        places = list(self._places())
        for number, place in enumerate(places[:MOST_SIGNATURES]):
            mine = Collected()
            self._read(place, mine, compare=number < MOST_COMPARED, name=place.field.name if place.field else f"#{number + 1}")
            self._proofs.append((place, mine))
        self._collected.objects += self._unread(places)
        self._covering(self._data_of(self._pdf))
        if len(places) > MOST_SIGNATURES and self._collected.objects:
            first = self._collected.objects[0]
            note = Finding("SIG-TOO-MANY", "", {"count": len(places), "read": MOST_SIGNATURES})
            self._collected.objects[0] = replace(first, notes=(*first.notes, note))
        return self._collected.file()

    # -- where they are -------------------------------------------------------------------------------------------------

    def _places(self) -> Iterator[_Place]:
        """By where they end in the file: the order in which they were made."""
        found: dict[tuple[int, ...], _Place] = {
            field.byte_range: _Place(field.byte_range, field) for field in self._fields if len(field.byte_range) == 4
        }
        licence = self._pdf.usage_rights()
        for match in islice(matches(BYTE_RANGE, self._data), MOST_RAW):
            byte_range = _numbers(match)
            if byte_range in found or byte_range == licence:
                continue
            if self._gap(byte_range) is not None:  # ranges that fit nothing may be somebody's text: see `_unread`
                found[byte_range] = _Place(byte_range, None)
        yield from sorted(found.values(), key=lambda each: (each.end, each.byte_range))

    def _unread(self, places: Sequence[_Place]) -> Iterator[SignedObject]:
        """What is called a signature, by a field of the form or in the bytes, and is none that can be read."""
        ranges = [place.byte_range for place in places] + [each for each in (self._pdf.usage_rights(),) if len(each) == 4]
        found = list(claims(self._data, [(b, c) for _, b, c, _ in ranges]))
        nothing = Coverage("part", 0, len(self._data))
        for field in self._fields:
            mine = [each for each in found if each.number is not None and each.number == field.number]
            found = [each for each in found if each not in mine]
            if len(field.byte_range) != 4:
                role = _role(any(each.stamp for each in mine))
                yield unread(phrase("pad-odd"), Kind.PADES, field.name, coverage=nothing, role=role)
        for each in found:
            said = {_numbers(match) for match in BYTE_RANGE.finditer(self._data[each.at : min(each.end, each.at + FAR)])}
            if said and said.issubset(ranges):
                continue  # a copy of what was read: a later catalogue with its licence, say
            sure = not self._pdf.readable  # in a document whose form can be read, it may be something that was left there
            why = phrase("pad-claim", at=each.at)
            yield unread(why, Kind.PADES, f"@{each.at}", coverage=nothing, role=_role(each.stamp), sure=sure)

    def _gap(self, byte_range: tuple[int, ...]) -> bytes | None:
        """The value between the two ranges; None when they do not leave exactly one hexadecimal string open."""
        a, b, c, d = byte_range
        if a != 0 or c < b + 2 or c + d > len(self._data) or min(byte_range) < 0 or c - b > 2 * LARGEST_VALUE:
            return None
        gap = self._data[b:c]
        if not HEX.match(gap):
            return None
        digits = b"".join(gap[1:-1].split())
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))

    # -- one signature --------------------------------------------------------------------------------------------------

    def _read(self, place: _Place, mine: Collected, *, compare: bool, name: str) -> None:
        scope = "file" if place.end == len(self._data) else "revision" if self._ends_revision(place.end) else "part"
        coverage = Coverage(scope, place.covered, len(self._data), place.ranges)
        value = self._gap(place.byte_range)
        problem: ValueError | str = self._wrong(place, value, scope)
        if value is None and place.byte_range[2] - place.byte_range[1] > 2 * LARGEST_VALUE:
            problem = Beyond(phrase("cms-many-bytes", most=LARGEST_VALUE))
        if problem or value is None:
            self._add(mine, place, unread(problem or phrase("pades-no-value"), Kind.PADES, name, coverage=coverage))
            return
        later = self._later(place, compare) if scope == "revision" else "none"
        coverage = replace(coverage, changes=later)
        subfilter = place.field.subfilter if place.field else self._subfilter(place)
        if subfilter == RAW_FILTER:
            self._add(mine, place, _unread(name, subfilter, coverage))
            return
        try:
            if subfilter == STAMP_FILTER:
                self._stamp(place, value, mine, coverage, name)
            else:
                self._signature(place, value, mine, coverage, name, subfilter)
        except Malformed as error:
            self._add(mine, place, unread(error, Kind.PADES, name, coverage=coverage, role=_role(subfilter == STAMP_FILTER)))

    def _ends_revision(self, end: int) -> bool:
        return bool(END.search(self._data[max(0, end - 64) : end]))

    def _wrong(self, place: _Place, value: bytes | None, scope: str) -> str:
        if value is None:
            return phrase("pad-gap")
        if place.field is not None and place.field.contents.rstrip(b"\0") != value.rstrip(b"\0"):
            return phrase("pad-other-value")
        if scope == "part":
            return phrase("pad-middle")
        return ""

    def _subfilter(self, place: _Place) -> str:
        """Of a signature that the form does not name: what its dictionary says, next to the value."""
        _, b, c, _ = place.byte_range
        around = bytes(self._data[max(0, b - 1024) : b]) + b" " + bytes(self._data[c : c + 1024])
        return STAMP_FILTER if STAMP_FILTER.encode() in around else ""

    def _later(self, place: _Place, compare: bool) -> str:
        """What the file got after this signature."""
        before, now = Pdf(self._prefix(place.end)).pages(), self._pdf.pages()
        if before is not None and now is not None and before != now:
            return "pages"
        if place.field is None or not self._pdf.readable:
            return "unknown"
        if not self._pdf.accounts_for(place.end):
            return "unknown"  # what belongs to no revision cannot be compared with one
        if self._explained and place.end >= self._explained:
            return "allowed"  # every later revision was compared with an even earlier one
        if not compare:
            return "unknown"
        found = self._pdf.changes_since(place.field)
        if found == "allowed":
            self._explained = place.end
        return found

    def _prefix(self, end: int) -> BinaryIO:
        return io.BufferedReader(Prefix(self._stream, end), CHUNK)

    def _digest(self, place: _Place, algorithm: str) -> bytes:
        hasher = hashlib.new(algorithm)
        for start, length in place.ranges:
            for piece in pieces(self._data, start, start + length):
                hasher.update(piece)
        return hasher.digest()

    def _signature(self, place: _Place, value: bytes, mine: Collected, coverage: Coverage, name: str, subfilter: str) -> None:
        cms = open_cms(_trimmed(value))

        def content(algorithm: str) -> bytes | None:
            if subfilter == SHA1_FILTER:  # ISO 32000-1, 12.8.3.3.1: the enclosed content is the digest
                same = cms.pieces is not None and cms.content(64) == self._digest(place, "sha1")
                return cms.enclosed(algorithm) if same else b""
            return self._digest(place, algorithm)

        if cms.pieces is not None and subfilter != SHA1_FILTER:
            raise Malformed(phrase("pad-encloses"))
        read_cms(cms, mine, content, coverage, kind=Kind.PADES, name=name, known=self._known)
        dressed = [each if each.role is Role.EVIDENCE else self._dressed(each, place, coverage) for each in mine.objects]
        mine.objects[:] = dressed
        self._merge(mine)

    def _dressed(self, read: SignedObject, place: _Place, coverage: Coverage) -> SignedObject:
        """The object with what the PDF says of it, and with what came after it weighed."""
        if place.field is not None:
            claimed = read.claimed or place.field.time
            read = replace(read, reason=place.field.reason, location=place.field.location, claimed=claimed)
        if read.role is not Role.SIGNATURE or read.integrity is not Integrity.INTACT:
            return read
        if coverage.changes == "pages":
            changed = Finding("SIG-PAGES-CHANGED", "", {"name": read.name})
            return replace(read, integrity=Integrity.BROKEN, failure=SubIndication.FORMAT_FAILURE, why=changed)
        if coverage.changes == "unexplained":
            changed = Finding("SIG-CHANGED-AFTER", "", {"name": read.name})
            return replace(read, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=changed)
        if coverage.changes == "unknown":  # what could not be looked at is not fine
            unknown = Finding("SIG-CHANGES-UNKNOWN", "", {"name": read.name})
            return replace(read, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=unknown)
        return read

    def _stamp(self, place: _Place, value: bytes, mine: Collected, coverage: Coverage, name: str) -> None:
        reading = read_stamp(
            _trimmed(value),
            "document",
            lambda algorithm: self._digest(place, algorithm),
            name=name,
            coverage=coverage,
            known=self._known,
        )
        mine.stamps.append(reading.stamp)
        mine.certificates.update(dict.fromkeys(reading.stamp.token.certificates))
        for kind, data in reading.data:
            mine.data(kind, data)
        token = replace(reading.stamp.token, level="PAdES-DocTimeStamp")
        mine.objects.append(token)
        self._stores.append((place, self._store_at(place)))
        self._merge(mine)

    def _add(self, mine: Collected, place: _Place, broken: SignedObject) -> None:
        mine.objects.append(broken)
        self._merge(mine)

    def _merge(self, mine: Collected) -> None:
        self._collected.take(mine)

    # -- what document time-stamps prove ----------------------------------------------------------------------------------

    def _data_of(self, pdf: Pdf) -> frozenset[bytes]:
        """Take the validation data of the document, as it is in ``pdf``; returns the digests of all of it."""
        held = list(pdf.security_store())
        for kind, der in held:
            if kind != "certificate":
                self._collected.data(kind, der)
        known = certificates_of(der for kind, der in held if kind == "certificate")
        self._collected.certificates.update(dict.fromkeys(known))
        return frozenset(digest_of(der) for _, der in held)

    def _store_at(self, place: _Place) -> frozenset[bytes]:
        """The validation data that the document held when a time-stamp was put on it: it may have been taken out since."""
        return self._data_of(self._pdf if place.end == len(self._data) else Pdf(self._prefix(place.end)))

    def _covering(self, final: frozenset[bytes]) -> None:
        """Tell each document time-stamp what it proves: everything that lay in the file before it. ``final`` is the validation data that
        the document holds now."""
        if final:
            self._raise("PAdES-T", "PAdES-LT", lambda each: True)
        covered: dict[int, frozenset[bytes]] = {}
        for place, store in self._stores:
            digests = set(store)
            for other, mine in self._proofs:
                if other.end < place.end:
                    digests.update(_objects_of(mine))
            covered[place.end] = frozenset(digests)
        ends = {stamp.sha256: place.end for place, mine in self._proofs for stamp in mine.stamps if stamp.kind == "document"}
        self._collected.stamps[:] = [
            replace(stamp, covers=covered.get(ends[stamp.sha256], frozenset())) if stamp.kind == "document" else stamp
            for stamp in self._collected.stamps
        ]
        if covered:
            last = max(covered)
            self._raise("PAdES-LT", "PAdES-LTA", lambda each: self._end_of(each) < last)

    def _raise(self, low: str, high: str, fits: Callable[[SignedObject], bool]) -> None:
        self._collected.objects[:] = [
            replace(each, level=high) if each.level == low and fits(each) else each for each in self._collected.objects
        ]

    def _end_of(self, read: SignedObject) -> int:
        return sum(read.coverage.ranges[-1]) if read.coverage.ranges else 0


def _role(stamp: bool) -> Role:
    return Role.TIMESTAMP if stamp else Role.SIGNATURE


def _numbers(match: re.Match[bytes]) -> tuple[int, ...]:
    return tuple(map(int, match.groups()))


def _objects_of(mine: Collected) -> Iterator[bytes]:
    for each in mine.objects:
        yield digest_of(each.value)
        yield from (certificate.sha256 for certificate in each.certificates)
    for stamp in mine.stamps:
        yield from _stamp_objects(stamp)
    yield from (certificate.sha256 for certificate in mine.certificates)
    for der in (*mine.crls, *mine.ocsps):
        yield digest_of(der)


def _stamp_objects(stamp: Stamp) -> Iterator[bytes]:
    yield stamp.sha256
    yield digest_of(stamp.token.value)
    yield from (certificate.sha256 for certificate in stamp.token.certificates)


def _trimmed(value: bytes) -> bytes:
    """The structure without the zeros that PDF pads it with; anything else behind it stays."""
    end = element(value).end
    return value if value[end:].strip(b"\0") else value[:end]


def _unread(name: str, subfilter: str, coverage: Coverage) -> SignedObject:
    """A bare RSA value with its certificates in the dictionary (deprecated since PDF 1.4): not read here, and so neither good nor bad."""
    why = Finding("SIG-ALGORITHM-UNKNOWN", "", {"reason": phrase("pad-form", form=subfilter)})
    sub = SubIndication.CRYPTO_CONSTRAINTS_FAILURE
    return SignedObject(Kind.PADES, Role.SIGNATURE, name, b"", Integrity.UNKNOWN, sub, why, coverage=coverage)
