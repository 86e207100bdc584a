"""CMS SignedData (RFC 5652), taken apart where it lies: an enclosed content of any size is never copied, only its place is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from asn1crypto import cms, core  # type: ignore[import-untyped]

from policies.phrases import foreign, phrase
from signatures.ber import OCTETS, SEQUENCE, Beyond, Buffer, Malformed, Part, element, guard, octets, parts, row
from signatures.certificates import Certificate, certificates_of
from signatures.held import pieces
from signatures.mended import inside
from signatures.stamp_response import SIGNED_DATA

__all__ = [
    "HEAD",
    "MOST_BYTES",
    "MOST_MESSAGE",
    "CmsFile",
    "Content",
    "Message",
    "certificates_in",
    "choices_in",
    "encoded_certificates",
    "is_attributes",
    "open_cms",
    "other_answer",
    "revocation_in",
]

MOST_BYTES = 64 << 20
"""Bytes of certificates, revocation data and signer infos together. A signature with a national CRL inside has 10 to 20 MB."""

MOST_SIGNERS = 1000
"""Signer infos of one structure; a petition that was signed in one CMS by more has not been heard of."""

MOST_CERTIFICATES = 2000
"""Certificates of one structure that are looked at."""

MOST_ATTRIBUTES = 5000
"""Attributes of all signers of one structure together."""

CHUNK = 1 << 20

OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"
"""An OCSPResponse among the revocation data of a structure (RFC 5940, 2.1)."""

OCSP_BASIC = "1.3.6.1.5.5.7.48.1.1"
"""A BasicOCSPResponse (RFC 6960, 4.2.1)."""

MOST_MESSAGE, MOST_MESSAGES = 64 << 20, 256 << 20
"""Bytes of a content that is read to check one signature that is made over it and not over its digest; of all in one structure."""

Content = Callable[[str], bytes | None]
"""The digest of what a signer info covers, by hashlib's name of the algorithm; None when there is no content."""


@dataclass(frozen=True)
class CmsFile:
    """One SignedData. ``content_type`` dotted; ``pieces`` are (start, end) of the enclosed content, None when it is detached."""

    data: Buffer
    content_type: str
    pieces: tuple[tuple[int, int], ...] | None
    signed_data: Any
    der: bytes
    """The structure without its content, as `signed_data` was parsed from."""
    elements: int = 0
    """How many elements it has: what reading it takes is in proportion."""
    behind: bool = False
    """Whether anything stands behind it in ``data``."""
    digests: dict[str, bytes] = field(default_factory=dict, compare=False)
    """Of the enclosed content, as far as they were asked for: a thousand signers may."""

    @property
    def signers(self) -> Iterator[Any]:
        yield from self.signed_data["signer_infos"]

    def enclosed(self, algorithm: str) -> bytes | None:
        """A `Content`: the digest of the enclosed content. Raises ValueError: hashlib does not know the algorithm."""
        if self.pieces is None:
            return None
        if algorithm not in self.digests:
            hasher = hashlib.new(algorithm)
            for start, end in self.pieces:
                for piece in pieces(self.data, start, end):
                    hasher.update(piece)
            self.digests[algorithm] = hasher.digest()
        return self.digests[algorithm]

    def first(self, most: int) -> bytes:
        """The first bytes of the enclosed content, ``most`` of them at most."""
        found = bytearray()
        for start, end in self.pieces or ():
            found += self.data[start : min(end, start + most - len(found))]
            if len(found) == most:
                break
        return bytes(found)

    @property
    def enclosed_size(self) -> int:
        return sum(end - start for start, end in self.pieces or ())

    def content(self, most: int = MOST_BYTES) -> bytes:
        """The enclosed content itself, where it is small (a TSTInfo). Raises `Malformed`."""
        if self.pieces is None or self.enclosed_size > most:
            raise Malformed(phrase("cms-content"))
        return b"".join(bytes(self.data[start:end]) for start, end in self.pieces)


CONTENT_TYPE, MESSAGE_DIGEST = (bytes.fromhex(f"06092a864886f70d01090{number}") for number in (3, 4))
DATA = bytes.fromhex("06092a864886f70d010701")
EXPLICIT = 0xA0
HEAD = 1 << 16
"""Bytes of a content that are looked at; signed attributes have some hundred."""


class Message:
    """A content itself, for what is signed straight over it (RFC 8419). ``first`` gives its first bytes, as many as are asked for."""

    def __init__(self, first: Callable[[int], bytes]) -> None:
        self.first = first
        self._left = MOST_MESSAGES

    def whole(self) -> bytes | None:
        """All of it; None: it is longer than what is read at once, or than what is still read."""
        most = min(MOST_MESSAGE, self._left)
        found = self.first(most + 1)
        if len(found) > most:
            return None
        self._left -= len(found)
        return found


def is_attributes(head: bytes) -> bool:
    """Whether a content begins as signed attributes do. Their signature without them is right over them, though nobody signed them as a
    content: that can only be told by what they are."""
    return head[:1] == b"\x31" and CONTENT_TYPE in head and MESSAGE_DIGEST in head


def detached(opened: Callable[[], BinaryIO]) -> Content:
    """A `Content` over a file that lies beside the signature, read once an algorithm."""
    known: dict[str, bytes] = {}

    def digest(algorithm: str) -> bytes:
        if algorithm not in known:
            hasher = hashlib.new(algorithm)
            with opened() as stream:
                while chunk := stream.read(CHUNK):
                    hasher.update(chunk)
            known[algorithm] = hasher.digest()
        return known[algorithm]

    return digest


def _wrapped(tag: int, body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body


def _raw(data: Buffer, part: Part) -> bytes:
    if part.end - part.start > MOST_BYTES:
        raise Beyond(phrase("cms-many-bytes", most=MOST_BYTES))
    return bytes(data[part.start : part.end])


def open_cms(data: Buffer) -> CmsFile:
    """Take a ContentInfo with SignedData apart. Raises `Malformed`: it is none, or larger than the limits."""
    whole = element(data)
    info = list(parts(data, _of(whole, SEQUENCE, "ContentInfo")))
    if len(info) != 2 or _raw(data, info[0]) != SIGNED_DATA:
        raise Malformed(phrase("cms-no-signed"))
    (outer,) = _exactly(list(parts(data, _of(info[1], EXPLICIT, "content"))), 1, "content")
    fields = list(parts(data, _of(outer, SEQUENCE, "SignedData")))
    if len(fields) < 4:
        raise Malformed(phrase("cms-lacks"))
    encapsulated = list(parts(data, _of(fields[2], SEQUENCE, "encapContentInfo")))
    pieces = None
    if len(encapsulated) == 2:
        (value,) = _exactly(list(parts(data, _of(encapsulated[1], EXPLICIT, "eContent"))), 1, "eContent")
        string = value.tag & 0xDF == OCTETS
        if not string and _raw(data, encapsulated[0]) == DATA:
            raise Malformed(phrase("cms-not-standard", name="eContent"))
        pieces = tuple(octets(data, value)) if string else ((value.body, value.body_end),)  # PKCS #7: RFC 5652, 5.2.1
    elif len(encapsulated) != 1:
        raise Malformed(phrase("cms-encap"))
    kept = [_raw(data, each) for each in (*fields[:2], *fields[3:])]
    if sum(map(len, kept)) > MOST_BYTES:
        raise Beyond(phrase("cms-many-bytes", most=MOST_BYTES))
    kept.insert(2, _wrapped(SEQUENCE, _raw(data, encapsulated[0])))
    der = _wrapped(SEQUENCE, b"".join(kept))
    elements = guard(der)
    _count(data, fields[3:])
    try:
        parsed = cms.SignedData.load(der)
        content_type = parsed["encap_content_info"]["content_type"].dotted
        if len(list(parsed["signer_infos"])) > MOST_SIGNERS:  # each is built here, where what is none is Malformed
            raise Beyond(phrase("cms-many-signers", most=MOST_SIGNERS))
    except Malformed:
        raise
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Malformed(foreign(error)) from error
    return CmsFile(data, content_type, pieces, parsed, der, elements, whole.end < len(data))


def _count(data: Buffer, fields: Sequence[Part]) -> None:
    """See that what will be parsed as a list (certificates, revocation lists, signers, attributes) is none of thousands: asn1crypto takes
    3 to 20 µs for each, wanted or not. Raises `Malformed`."""
    for each in fields:
        if sum(1 for _ in islice(parts(data, each), MOST_CERTIFICATES + 1)) > MOST_CERTIFICATES:
            raise Beyond(phrase("cms-many-certificates", most=MOST_CERTIFICATES))
    signers = (each for each in parts(data, fields[-1]) if each.constructed)
    lists = (each for signer in signers for each in parts(data, signer) if each.tag in (0xA0, 0xA1))
    if sum(1 for each in lists for _ in islice(parts(data, each), MOST_ATTRIBUTES + 1)) > MOST_ATTRIBUTES:
        raise Beyond(phrase("cms-many-attributes", most=MOST_ATTRIBUTES))


def _of(part: Part, tag: int, name: str) -> Part:
    if part.tag != tag:
        raise Malformed(phrase("cms-not-standard", name=name))
    return part


def _exactly(found: list[Part], count: int, name: str) -> list[Part]:
    if len(found) != count:
        raise Malformed(phrase("cms-count", name=name, found=len(found), count=count))
    return found


def certificates_in(signed_data: Any) -> Iterator[Certificate]:
    """The X.509 certificates that came along; others, and broken ones, are passed over."""
    yield from certificates_of(encoded_certificates(signed_data))


def encoded_certificates(signed_data: Any) -> Iterator[bytes]:
    """The X.509 certificates that came along, as they are encoded."""
    with suppress(ValueError, TypeError, KeyError):
        yield from (each for each in choices_in(signed_data, "certificates") if each[0] == SEQUENCE)


def choices_in(signed_data: Any, name: str) -> Iterator[bytes]:
    """The members of ``certificates`` or ``crls`` as they are encoded. Raises ValueError, TypeError, KeyError."""
    field = signed_data[name]
    return islice(row(field.contents or b""), MOST_CERTIFICATES)


def revocation_in(signed_data: Any) -> Iterator[tuple[str, bytes]]:
    """("crl" | "ocsp", DER) of the revocation data in ``crls`` (RFC 5652, 10.2.1): lists, whole OCSP responses (RFC 5940), and
    basic ones, which are put there, too."""
    with suppress(ValueError, TypeError, KeyError):
        for choice in choices_in(signed_data, "crls"):
            if choice[0] == SEQUENCE:
                yield "crl", choice
            elif answer := _other(choice):
                yield "ocsp", answer


def _other(choice: bytes) -> bytes | None:
    """The answer in an OtherRevocationInfoFormat."""
    with suppress(ValueError, TypeError, KeyError):
        kind, data = inside(choice)
        return other_answer(core.ObjectIdentifier.load(kind).dotted, data)
    return None


def other_answer(format_: str, data: bytes) -> bytes | None:
    """The OCSPResponse in an OtherRevocationInfoFormat; None when it is of another kind."""
    return data if format_ == OCSP_RESPONSE else basic_to_response(data) if format_ == OCSP_BASIC else None


def basic_to_response(basic: bytes) -> bytes:
    """An OCSPResponse around a BasicOCSPResponse: signatures carry the inner, parsers read the outer (RFC 6960, 4.2.1)."""
    oid = core.ObjectIdentifier(OCSP_BASIC).dump()
    return _wrapped(SEQUENCE, b"\x0a\x01\x00" + _wrapped(0xA0, _wrapped(SEQUENCE, oid + _wrapped(OCTETS, basic))))
