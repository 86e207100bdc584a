"""Which files carry signatures, told from their bytes: cheap enough for every file of every deposit.

Only the head is read, but for PDF, XML and text, which are searched for the marks of a signature in one pass of bounded memory, and for
the directory of a zip.
Detection judges nothing, and a file that is detected may still turn out to hold nonsense.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from formats.package.zip_members import zip_names
from formats.xml_errors import UnknownEncoding
from formats.xml_prolog import PLAIN, Prolog, as_ascii, encoding_of, prolog_of
from policies.phrases import phrase
from signatures.algorithms import HASH_OIDS
from signatures.armour import MOST_BLOCKS, begins
from signatures.ber import OCTETS, SEQUENCE, Malformed, Part, element, parts
from signatures.der import write_oid
from signatures.detect_zip import ZIP_BEGINS, zip_kinds
from signatures.held import held
from signatures.marks import Mark, holds, standing, windows
from signatures.odd import ODD, not_understood
from signatures.other_kinds import other_kinds
from signatures.pdf_marks import MARK
from signatures.report import Kind
from signatures.stamp_response import SIGNED_DATA, token_in

__all__ = ["HEAD", "PDF_HEAD", "TAR", "Detected", "by_root", "covered_names", "detect", "detected", "named_beside"]

HEAD = 4096
"""Bytes of a file's head that are looked at: the wrappers of a CMS take less than 100, a PEM header line as many."""

PDF_HEAD = 1024
"""Bytes of the head in which ``%PDF-`` may stand, and of the end in which ``startxref`` does (ISO 32000-1, implementation notes 13
and 18 of its first edition)."""

PDF_OBJECT = re.compile(rb"\d\s{1,50}+\d{1,10}+\s{1,50}+obj\b")
"""By what readers find the objects of a PDF whose end says nothing, or is far from its end; nothing that it took is tried again."""


VALUE, RECORDS, PACKAGE = (b"SignatureValue", b"SignedInfo"), (b"evidenceRecord", b"EvidenceRecord"), (b"XAIP",)
"""The elements that no XML signature lacks (either tells, for the other may be damaged); the roots of evidence records, and of packages
of TR-ESOR."""

VALUE_END = re.compile(rb"</(?<=[\sA-Za-z0-9+/=&#;]{20}</)(?:[^\s<>&/;]{0,60}:)?SignatureValue")
"""The end of a value as it stands in a signature: texts and programs that speak of signatures have none before it."""

TOKEN_END = re.compile(rb"</(?<=[\sA-Za-z0-9+/=&#;]{20}</)(?:[^\s<>&/;]{0,60}:)?(?:TimeStampToken|asn1EvidenceRecord)[\s>]")
"""The end of what an evidence record in XML, or the wrapper of one, cannot do without."""

TAR = slice(257, 262), b"ustar"
"""What the head of a tar says, and where (POSIX ustar)."""

ENTITY = re.compile(b"<!ENTITY")

DEFINES = ("SignatureValue", "<!ENTITY")
"""An entity that has one of these may hold a signature, or define one that does."""

ERS = "urn:ietf:params:xml:ns:ers"
TR_ESOR = "http://www.bsi.bund.de/tr-esor/xaip"
"""The namespace of RFC 6283, and how those of TR-ESOR begin, whatever their version."""

INTEGER = 0x02
ANY_SIZE = 1 << 62
"""More than any structure whose head is looked at has."""
TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")

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
    """What signature the file in ``stream`` carries, or None: the first of `detected`; where that cannot be told it may carry one. OSError
    and CouldNotRead come through."""
    try:
        return next(detected(stream), None)
    except ODD as error:
        not_understood(error)
        return Detected(Kind.OTHER)


def detected(stream: BinaryIO) -> Iterator[Detected]:
    """Everything that the file may be taken for by one program or another, likeliest first: nearly always one thing. A file is no less
    signed for what somebody put in front of it. OSError and CouldNotRead come through."""
    yield from _judged(stream)
    if any(True for _ in other_kinds(stream)):
        yield Detected(Kind.OTHER)


def _judged(stream: BinaryIO) -> Iterator[Detected]:
    """What belongs to the families that have a verifier."""
    stream.seek(0)
    head = stream.read(HEAD)
    found = _binary(head)
    if found is not None:
        yield found
        if not _reaches_end(stream, head):
            yield from (each for way in (_pdf, _zip) for each in way(stream, head))
        return
    where, said = TAR
    if head[where] == said:
        return  # its members are: `inside_marks`
    if head.startswith(ZIP_BEGINS):
        found = next(_zip(stream, head), None)
        if found is not None:
            yield found
            return
    for way in (_xml, _pdf, _armoured, _zip):
        yield from way(stream, head)


def _zip(stream: BinaryIO, head: bytes) -> Iterator[Detected]:
    return map(Detected, zip_kinds(stream, head))


def _binary(head: bytes) -> Detected | None:
    return _cms(head, armoured=False) or (Detected(Kind.EVIDENCE) if head[:1] == b"\x30" and _evidence(head) else None)


def _reaches_end(stream: BinaryIO, head: bytes) -> bool:
    """Whether the structure with which a file begins is all of it: behind it other programs may find a file of theirs."""
    size = stream.seek(0, io.SEEK_END)
    try:
        if head[1:2] != b"\x80":
            return element(head, 0, size).end == size
        with held(stream) as data:
            return element(data).end == size
    except (Malformed, IndexError):
        return False


def _pdf(stream: BinaryIO, head: bytes) -> Iterator[Detected]:
    if b"%PDF-" not in head[:PDF_HEAD]:  # that may be damaged, and so may the end; not both
        stream.seek(max(0, stream.seek(0, io.SEEK_END) - PDF_HEAD))
        if b"startxref" not in stream.read():
            return
    marks: list[Mark] = [MARK]
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):  # XML that speaks of PDF, unless readers of PDF find an object in it
        marks.append(_has_object)
    stream.seek(0)
    if holds(stream, *marks):
        yield Detected(Kind.PADES)


def _has_object(window: bytes) -> bool:
    return b"obj" in window and PDF_OBJECT.search(window) is not None


def _xml(stream: BinaryIO, head: bytes) -> Iterator[Detected]:
    """By the root element, wherever it begins; else by the elements that no signature lacks. Its name can only be written in the
    characters of the file's encoding; its namespace can be written otherwise. What is written or defined so that it cannot be told is
    taken for signed: its reader refuses it."""
    try:
        encoding = encoding_of(head)
        kinds: list[Kind] = []
        if encoding is not None:
            prolog = prolog_of(stream)
            kind = by_root(prolog.root)
            kinds = [*_by_tags(stream, prolog)] if kind is None else [kind]
        if not kinds and encoding != PLAIN:  # a wrong first byte tells another encoding, or none
            kinds = _behind_damage(stream, head)
        yield from map(Detected, kinds)
    except UnknownEncoding:
        yield Detected(Kind.XADES)


def _behind_damage(stream: BinaryIO, head: bytes) -> list[Kind]:
    """What XML was before something came in front of its root, or its first bytes were damaged: with a signature, or an evidence record. In
    files that hold others as they are it is one of those."""
    if b"<" not in head or b"%PDF-" in head[:PDF_HEAD]:
        return []
    stream.seek(0)
    found: Kind | None = None
    for window in windows(stream):
        found = _ended(window, *_ENDS) or found
        if found is Kind.XADES:
            break
    return [] if found is None or zip_names(stream, stream.seek(0, io.SEEK_END)) is not None else [found]


class _End(NamedTuple):
    """The end of an element, what it must have, and what it is the end of."""

    mark: re.Pattern[bytes]
    names: tuple[bytes, ...]
    kind: Kind


_ENDS = (
    _End(VALUE_END, (b"SignatureValue",), Kind.XADES),
    _End(TOKEN_END, (b"TimeStampToken", b"1EvidenceRecord"), Kind.EVIDENCE),
)
"""Ends of what no signature lacks, and no evidence record; a signature is likelier."""


def _has_token(window: bytes) -> bool:
    return _ended(window, _ENDS[1]) is not None


def _ended(window: bytes, *ends: _End) -> Kind | None:
    """What the first of ``ends`` that stands in a window is the end of, in any encoding in which a letter is itself, beside bytes of
    nothing or not. Letters with these between them are not looked for one by one: among a megabyte of nothing that takes long."""
    bare = window.replace(b"\0", b"")
    texts = (window,) if len(bare) == len(window) else (window, bare)
    for each in ends:
        # What stands in a window stands in it without those bytes, too.
        if any(name in bare for name in each.names) and any(each.mark.search(text) for text in texts):
            return each.kind
    return None


def _by_tags(stream: BinaryIO, prolog: Prolog) -> Iterator[Kind]:
    """What a document is taken for by a tag in it: where its root could not be told, also by the names of roots."""

    def has(*marks: Mark) -> bool:
        text = as_ascii(stream)
        return text is not None and holds(text, *marks)

    text = as_ascii(stream)
    signed, token = _tag(VALUE), _has_token
    found = standing(text, (signed, token)) if text is not None else set()
    if any(each in entity for entity in prolog.entities for each in DEFINES) or signed in found:
        yield Kind.XADES
    elif token in found:  # in XML of another kind, or whose root is damaged
        yield Kind.EVIDENCE
    elif not prolog.root:
        kinds = ((Kind.XAIP, _tag(PACKAGE)), (Kind.EVIDENCE, _tag(RECORDS)))
        roots = [kind for kind, mark in kinds if has(mark)]
        yield from roots or ([Kind.XADES] if prolog.doctype and has(ENTITY) else [])


def _tag(names: Sequence[bytes]) -> Mark:
    """Whether a start tag of one of ``names`` stands in a window: a text that speaks of them has none. A prefix of hundreds of characters
    may have begun before the window. Tags are looked for only where a name stands: few documents have one."""
    name = rb"(?:%s)[\s/>]" % b"|".join(names)
    tag = re.compile(rb"<(?:[^\s<>&/;]*:)?" + name)
    cut = re.compile(rb"[^\s<>&/;]{120,}:" + name)

    def stands(window: bytes) -> bool:
        return any(each in window for each in names) and bool(tag.search(window) or cut.match(window))

    return stands


def by_root(tag: str) -> Kind | None:
    """Documents that are told by their root element."""
    namespace, _, name = tag.removeprefix("{").rpartition("}")
    if namespace == ERS and name == "EvidenceRecord":
        return Kind.EVIDENCE
    return {"evidenceRecord": Kind.EVIDENCE, "XAIP": Kind.XAIP}.get(name) if namespace.startswith(TR_ESOR) else None


def _armoured(stream: BinaryIO, head: bytes) -> Iterator[Detected]:
    """The first structure of ours; of a text with more than are looked at nobody knows that it has none."""
    for number, body in enumerate(begins(stream, head)):
        found = Detected(Kind.EVIDENCE, armoured=True) if _evidence(body) else _cms(body, armoured=True)
        found = found or (Detected(Kind.CADES, armoured=True) if number == MOST_BLOCKS else None)
        if found:
            yield found
            return


def _evidence(head: bytes) -> bool:
    """Look for EvidenceRecord { version 1, { { hash algorithm … } … } … }. One whose first algorithm is not understood is told by the
    rest of its shape."""
    try:
        at = _inside(head, 0)
        if head[at : at + 3] != b"\x02\x01\x01" or head[at + 3 : at + 4] != b"\x30":
            return False
        first = _inside(head, at + 3)
        if head[first : first + 1] != b"\x30":
            return False
        oid = element(head, _inside(head, first))
        if head[oid.start : oid.end] in HASH_IDENTIFIERS:
            return not _has_imprint(head, at + 3)
        return head[oid.start] == 0x06 and _has_chains(head, at + 3)
    except Malformed:
        return False


def _has_imprint(head: bytes, at: int) -> bool:
    """Whether an algorithm and a digest stand there: it is a request for a time-stamp (RFC 3161, 2.4.1), which nobody signed."""
    try:
        return [each.tag for each in parts(head, element(head, at))] == [SEQUENCE, OCTETS]
    except Malformed:
        return False


def _has_chains(head: bytes, at: int) -> bool:
    """Whether digestAlgorithms at ``at`` is a list of algorithms, and an ArchiveTimeStampSequence follows (RFC 4998, 3.1): what else begins
    with a number and an identifier of something (a request for a time-stamp, a key) has no lists in lists there. Raises `Malformed`."""
    algorithms = element(head, at)
    if any(each.tag != SEQUENCE for each in parts(head, algorithms)):
        return False
    at = algorithms.end
    while head[at : at + 1] in (b"\xa0", b"\xa1"):
        at = element(head, at).end
    for _ in range(3):  # the sequence, a chain, an ArchiveTimeStamp
        if head[at : at + 1] != b"\x30":
            return False
        at = _inside(head, at)
    return head[at : at + 1] in (b"\xa0", b"\xa1", b"\xa2", b"\x30")


HASH_IDENTIFIERS = frozenset(write_oid(each) for each in HASH_OIDS)


def _open(head: bytes, at: int, limit: int) -> Part | None:
    """An element whose end may lie beyond the head."""
    try:
        return element(head, at, limit)
    except Malformed:
        return None


def _cms(head: bytes, *, armoured: bool) -> Detected | None:
    """Look for ContentInfo { signedData, [0] SignedData { version, digestAlgorithms, { contentType, [0] content? } … } }."""
    if token_in(head, ANY_SIZE) is not None:
        return Detected(Kind.TIMESTAMP, armoured=armoured)
    at = head.find(SIGNED_DATA, 0, 32)
    if at < 0 or _stands_first(head) in (INTEGER, SEQUENCE):  # of another structure; any other octet may be damage
        return None
    kind, detached = Kind.CADES, False
    found = _encapsulated(head, at + len(SIGNED_DATA))
    if found is not None:
        part = _open(head, found, len(head))
        if part is not None:  # it lies whole in the head
            with suppress(Malformed):
                detached = len(list(parts(head, part))) < 2
        if head.find(TST_INFO, found, found + 32) >= 0:
            kind = Kind.TIMESTAMP
    return Detected(kind, detached, armoured)


def _stands_first(head: bytes) -> int | None:
    """The identifier of what stands first in a sequence; None where that is not to be told."""
    at = _inside(head, 0)
    return head[at] if head[:1] == b"\x30" and at < len(head) else None


def _encapsulated(head: bytes, at: int) -> int | None:
    """Where encapContentInfo begins, found by walking the heads of what stands before it; None: its header is not in the head."""
    try:
        for _ in range(2):  # [0] EXPLICIT, SEQUENCE SignedData: step inside
            at = _inside(head, at)
        for _ in range(2):  # version, digestAlgorithms: step over
            at = element(head, at).end
    except Malformed:
        return None
    return at if at + 2 <= len(head) and head[at] == SEQUENCE else None


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
