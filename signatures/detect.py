"""Which files carry signatures, told from their bytes: cheap enough for every file of every deposit.

Only the head is read, but for PDF and XML, which are searched for the marks of a signature in one pass of bounded memory, and for the
directory of a zip.
Detection judges nothing, and a file that is detected may still turn out to hold nonsense.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from typing import BinaryIO

from formats.package.containers import SEAL
from formats.package.zip_members import zip_names
from policies.phrases import phrase
from signatures.algorithms import HASH_OIDS
from signatures.ber import Malformed, Part, element, parts
from signatures.der import write_oid
from signatures.report import Kind

__all__ = ["HEAD", "Detected", "covered_names", "detect", "holds", "named_beside", "pem_body"]

HEAD = 4096
"""Bytes of a file's head that are looked at: the wrappers of a CMS take less than 100, a PEM header line as many."""

PDF_HEAD = 1024
"""Bytes in which ``%PDF-`` may stand (ISO 32000-1, implementation note 13 of its first edition)."""

CHUNK = 1 << 20
OVERLAP = 160
"""More than the longest mark that is searched for."""

XML_MARKS = ("http://www.w3.org/2000/09/xmldsig#", "SignatureValue")
"""The namespace of XML-DSig and its one element that no signature lacks."""

SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")

PEM = re.compile(rb"-----BEGIN (PKCS ?7|CMS|PKCS #7 SIGNED DATA)-----\s")

ZIP_MARKS = (
    (Kind.OOXML, re.compile(r"/?(_xmlsignatures|package/services/digital-signature)/", re.IGNORECASE)),
    (Kind.ODF, re.compile(r"META-INF/(document|macro)signatures\.xml\Z")),
    (Kind.ASIC, SEAL),
)
"""The kind of a zip by the name of one of its members, the first that fits (ECMA-376-2, 12; ODF 1.3 part 2, 4)."""

SUFFIXES = (
    ".p7s",
    ".p7m",
    ".p7b",
    ".pkcs7",
    ".p7",
    ".cms",
    ".sig",
    ".sign",
    ".csig",
    ".tst",
    ".tsr",
    ".xades",
    ".xsig",
    ".xmldsig",
    ".ers.xml",
    ".er.xml",
    ".ers",
    ".er",
)
"""What is put behind the name of a signed file (RFC 8551, ETSI TS 119 122; .sig and .csig by custom)."""


@dataclass(frozen=True, slots=True)
class Detected:
    """``detached``: the content is not inside, and must lie beside."""

    kind: Kind
    detached: bool = False
    armoured: bool = False
    """The structure is PEM or base64, not binary."""


def detect(stream: BinaryIO) -> Detected | None:
    """What signature the file in ``stream`` (at its start) carries, or None. OSError and CouldNotRead come through."""
    head = stream.read(HEAD)
    if head[:1] == b"\x30" and (found := _cms(head, armoured=False)):
        return found
    if head.startswith(b"PK\3\4"):
        names = zip_names(stream, stream.seek(0, io.SEEK_END))
        return next((Detected(kind) for kind, mark in ZIP_MARKS if any(mark.match(each) for each in names)), None)
    if head[:1] == b"\x30" and _evidence(head):
        return Detected(Kind.EVIDENCE)
    if b"%PDF-" in head[:PDF_HEAD]:
        return Detected(Kind.PADES) if holds(stream, b"/ByteRange", head=head) else None
    if kind := _by_root(head):
        return Detected(kind)
    if marks := _xml_marks(head):
        return Detected(Kind.XADES) if holds(stream, *marks, head=head) else None
    body = _armoured(head)
    if body and _evidence(body):
        return Detected(Kind.EVIDENCE, armoured=True)
    return _cms(body, armoured=True) if body else None


def holds(stream: BinaryIO, *marks: bytes, head: bytes = b"") -> bool:
    """Whether every mark stands somewhere in ``head`` and what follows in ``stream``, in one pass of bounded memory."""
    window, wanted = head, set(marks)
    while True:
        wanted -= {each for each in wanted if each in window}
        if not wanted:
            return True
        chunk = stream.read(CHUNK)
        if not chunk:
            return False
        window = window[-OVERLAP:] + chunk


def _xml_marks(head: bytes) -> tuple[bytes, ...]:
    """What an XML file with signatures must hold, in the encoding that its first bytes tell; () when it does not begin as XML."""
    for start, encoding in ((b"\xff\xfe", "utf-16-le"), (b"<\0", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\0<", "utf-16-be")):
        if head.startswith(start):
            return tuple(each.encode(encoding) for each in XML_MARKS)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return tuple(each.encode() for each in XML_MARKS) if text[:1] == b"<" else ()


ERS_ROOT = rb"<(?:[\w.-]+:)?EvidenceRecord\s(?:[^<>]*\s)?xmlns(?::[\w.-]+)?\s*=\s*[\"']urn:ietf:params:xml:ns:ers[\"']"
TR_ESOR = rb"\s[^<>]*[\"']http://www\.bsi\.bund\.de/tr-esor/xaip"
ROOTS = (
    (Kind.EVIDENCE, re.compile(ERS_ROOT)),
    (Kind.EVIDENCE, re.compile(rb"<(?:[\w.-]+:)?evidenceRecord" + TR_ESOR)),
    (Kind.XAIP, re.compile(rb"<(?:[\w.-]+:)?XAIP" + TR_ESOR)),
)
"""Documents that are told by their root element, which begins in the head."""

MISC = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
"""What may stand before the root element."""


def _by_root(head: bytes) -> Kind | None:
    before = MISC.match(head)
    start = before.end() if before else 0
    return next((kind for kind, root in ROOTS if root.match(head, start)), None)


def _evidence(head: bytes) -> bool:
    """Look for EvidenceRecord { version 1, { { hash algorithm … } … } … }."""
    try:
        at = _inside(head, 0)
        if head[at : at + 3] != b"\x02\x01\x01" or head[at + 3 : at + 4] != b"\x30":
            return False
        first = _inside(head, at + 3)
        if head[first : first + 1] != b"\x30":
            return False
        oid = element(head, _inside(head, first))
    except Malformed:
        return False
    return head[oid.start : oid.end] in HASH_IDENTIFIERS


HASH_IDENTIFIERS = frozenset(write_oid(each) for each in HASH_OIDS)


def _armoured(head: bytes) -> bytes:
    """The first bytes inside a PEM or bare base64 text; b"" when it is neither."""
    if match := PEM.search(head):
        text = head[match.end() :]
    elif head.lstrip().startswith(b"MI"):
        text = head.lstrip()
    else:
        return b""
    text = b"".join(text.split(b"-", 1)[0].split())
    try:
        return base64.b64decode(text[: len(text) // 4 * 4], validate=True)
    except binascii.Error:
        return b""


def pem_body(data: bytes) -> bytes:
    """The structure inside a PEM or base64 text. Raises `Malformed`."""
    match = PEM.search(data)
    text = data[match.end() :].split(b"-----END", 1)[0] if match else data
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise Malformed(phrase("det-base64", why=str(error))) from error


def _open(head: bytes, at: int, limit: int) -> Part | None:
    """An element whose end may lie beyond the head."""
    try:
        return element(head, at, limit)
    except Malformed:
        return None


def _cms(head: bytes, *, armoured: bool) -> Detected | None:
    """Look for ContentInfo { signedData, [0] SignedData { version, digestAlgorithms, { contentType, [0] content? } … } }."""
    at = head.find(SIGNED_DATA, 0, 32)
    if at < 0:
        return None
    kind, detached = Kind.CADES, False
    found = _encapsulated(head, at + len(SIGNED_DATA))
    if found is not None:
        start, end = found
        part = _open(head, start, len(head))
        if part is not None:  # it lies whole in the head
            try:
                inside = list(parts(head, part))
                detached = len(inside) < 2
            except Malformed:
                return None
        if head.find(TST_INFO, start, start + 32) >= 0:
            kind = Kind.TIMESTAMP
        del end
    return Detected(kind, detached, armoured)


def _encapsulated(head: bytes, at: int) -> tuple[int, int] | None:
    """(start, end of its header) of encapContentInfo, found by walking the heads of what stands before it."""
    try:
        for _ in range(2):  # [0] EXPLICIT, SEQUENCE SignedData: step inside
            at = _inside(head, at)
        for _ in range(2):  # version, digestAlgorithms: step over
            at = element(head, at).end
    except Malformed:
        return None
    return (at, _inside(head, at)) if at < len(head) and head[at] == 0x30 else None


def _inside(head: bytes, at: int) -> int:
    if at + 2 > len(head):
        raise Malformed(phrase("det-head"))
    length = head[at + 1]
    return at + 2 + (length & 0x7F if length & 0x80 else 0)


def covered_names(name: bytes) -> list[bytes]:
    """Names that the content of a detached signature ``name`` may have, likeliest first; paths keep their folder."""
    folder, slash, base = name.rpartition(b"/")
    lower = base.lower()
    for suffix in SUFFIXES:
        raw = suffix.encode()
        if lower.endswith(raw) and len(base) > len(raw):
            name = folder + slash + base[: -len(raw)]
            return [name, name + b".xml"] if suffix in (".ers.xml", ".er.xml") else [name]
    return []


def named_beside(name: bytes, wanted: str) -> bytes | None:
    """The file that the signature in ``name`` calls ``wanted``: in the same folder or below it, never above, never at an address."""
    steps = [each for each in wanted.split("/") if each != "."]
    if not wanted or any(each in ("", "..") for each in steps) or any(each in wanted for each in ":\\\0"):
        return None
    folder, slash, _ = name.rpartition(b"/")
    return folder + slash + "/".join(steps).encode("utf-8", "surrogatepass")
