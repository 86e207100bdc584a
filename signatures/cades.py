"""CAdES and plain CMS: content inside (.p7m), content beside (.p7s), time-stamp tokens that are files of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

from policies.findings import Finding
from policies.phrases import phrase
from signatures.archive_stamps import Archiving
from signatures.attributes import (
    ARCHIVE_STAMP_V3,
    ARCHIVE_STAMPS,
    CERTIFICATE_VALUES,
    CONTENT_STAMP,
    ESC_STAMP,
    EVIDENCE_EXTERNAL,
    EVIDENCE_INTERNAL,
    REVOCATION_VALUES,
    SIGNATURE_POLICY,
    SIGNATURE_STAMP,
    SIGNING_CERTIFICATE,
    SIGNING_CERTIFICATE_V2,
    certificate_values,
    ess_hashes,
    revocation_values,
)
from signatures.ber import SEQUENCE, Buffer, Malformed, element
from signatures.certificates import Certificate
from signatures.cms import HEAD, CmsFile, Content, Message, certificates_in, detached, is_attributes, open_cms, revocation_in
from signatures.cms_evidence import records_in
from signatures.collected import Collected
from signatures.countersigned import Countersigning
from signatures.detect import ANY_SIZE, detected
from signatures.detect import HEAD as DETECTED
from signatures.held import held
from signatures.poe import digest_of
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import WEAK, SignedFile, SignedObject, Source, Stamp
from signatures.signer import ReadSigner, read_signer
from signatures.stamp_response import SIGNED_DATA, token_in
from signatures.stamps import TST_INFO, read_stamp
from signatures.structures import Structures, in_part, structures
from signatures.unread import unread

__all__ = ["CadesVerifier", "read_cms"]

MOST_ARMOURED = 256 << 20
"""Bytes of a PEM or base64 file that are decoded in memory; a binary one is read where it lies, and may be of any size."""

OUTERMOST = 10 + len(SIGNED_DATA)
"""Bytes within which a ContentInfo has its type: the header of an element has ten at most."""

STAMP_ATTRIBUTES = (SIGNATURE_STAMP, ESC_STAMP)


class CadesVerifier:
    """`signatures.signed.Verifier` for CMS. ``known`` are certificates that may be a signer's when the structure lacks it."""

    kinds = frozenset({Kind.CADES, Kind.TIMESTAMP})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        self._known = tuple(known)

    def read(self, source: Source) -> SignedFile:
        with source.path.open("rb") as stream:
            found = next((each for each in detected(stream) if each.kind in self.kinds), None)
            if found is None:
                return _broken(phrase("cms-none"))
            if found.armoured:
                stream.seek(0)
                return self._every(structures(stream.read(MOST_ARMOURED + 1), text=True), source)
            with held(stream) as whole:
                return self._every(structures(whole), source, sure=_outermost(whole))

    def _every(self, found: Structures, source: Source, *, sure: bool = True) -> SignedFile:
        """Each of the structures, of which none is then the whole of the file. ``sure``: it is one with which the file begins, or that a
        text calls so."""
        several = len(found.bodies) > 1
        read = [
            _broken(each, sure=sure) if isinstance(each, Malformed) else self._read(each, source, sure=sure)
            for each in found.bodies
        ]
        for number, file in enumerate(read, 1):
            objects = [in_part(each) if several or found.beside else each for each in file.objects]
            if several:
                objects = [replace(each, name=f"{number}.{each.name}" if each.name else f"{number}") for each in objects]
            read[number - 1] = replace(file, objects=tuple(objects))
        return SignedFile.together(read)

    def _read(self, data: Buffer, source: Source, *, sure: bool) -> SignedFile:
        try:
            cms = open_cms(data)
        except Malformed as error:
            return _broken(error, sure=sure)
        collected = Collected()
        if cms.content_type == TST_INFO and cms.pieces is not None:
            self._token(bytes(data[: element(data).end]), source, collected)
        elif cms.pieces is not None:
            coverage = Coverage("enclosed", cms.enclosed_size, cms.enclosed_size)
            read_cms(cms, collected, cms.enclosed, coverage, known=self._known)
        else:
            self._beside(cms, source, collected)
        return collected.file()

    def _beside(self, cms: CmsFile, source: Source, collected: Collected) -> None:
        """A detached signature, over the first of the files beside it whose digest is right; else over the likeliest one."""
        first: Collected | None = None
        for name, opened in source.beside():
            tried = Collected()
            with opened() as stream:
                size = stream.seek(0, 2)
            coverage = Coverage("beside", size, size, name=name)
            read_cms(cms, tried, detached(opened), coverage, known=self._known, first=partial(_first, opened))
            first = first or tried
            if any(each.integrity is Integrity.INTACT for each in tried.objects):
                first = tried
                break
        if first is None:
            first = Collected()
            read_cms(cms, first, lambda _: None, Coverage("part"), known=self._known)
        collected.__dict__.update(first.__dict__)

    def _token(self, der: bytes, source: Source, collected: Collected) -> None:
        """A token as a file of its own: it stamps the file beside it."""
        reading = None
        for name, opened in source.beside():
            content = detached(opened)
            with opened() as stream:
                size = stream.seek(0, 2)
            tried = self._stamp(der, content, Coverage("beside", size, size, name=name))
            reading = reading or tried
            if tried is not None and tried.stamp.token.integrity is Integrity.INTACT:
                reading = tried
                break
        reading = reading or self._stamp(der, lambda _: None, Coverage("part"))
        if reading is None:
            collected.objects += _broken(phrase("cms-token")).objects
            return
        for kind, data in reading.data:
            collected.data(kind, data)
        collected.stamps.append(reading.stamp)
        collected.objects.append(reading.stamp.token)

    def _stamp(self, der: bytes, content: Content, coverage: Coverage) -> Any:
        try:
            return read_stamp(der, "content", content, coverage=coverage, known=self._known)
        except Malformed:
            return None


def _is_bag(cms: CmsFile, own: Sequence[Certificate], kind: Kind, name: str) -> bool:
    """Whether a file only brings certificates or lists, and nothing is signed (RFC 5652, 5.2, the degenerate case)."""
    return (bool(own) or any(revocation_in(cms.signed_data))) and kind is Kind.CADES and not name and cms.pieces is None


def _first(opened: Callable[[], BinaryIO], most: int) -> bytes:
    with opened() as stream:
        return stream.read(most)


def _outermost(data: Buffer) -> bool:
    """Whether ContentInfo, or the answer of an authority, is what a file begins with. Where a SignedData only stands near the begin, nobody
    knows that it is a CMS that is broken: it may be another's file (TNEF) that holds one."""
    head = bytes(data[:DETECTED])
    return (head[:1] == bytes((SEQUENCE,)) and SIGNED_DATA in head[:OUTERMOST]) or token_in(head, ANY_SIZE) is not None


def _broken(why: Malformed | str, name: str = "", *, sure: bool = True) -> SignedFile:
    """A file that was taken for a signature, and is none that can be read."""
    return SignedFile((unread(why, Kind.CADES, name, sure=sure),))


def read_cms(
    cms: CmsFile,
    collected: Collected,
    content: Content,
    coverage: Coverage,
    *,
    kind: Kind = Kind.CADES,
    name: str = "",
    known: Sequence[Certificate] = (),
    first: Callable[[int], bytes] | None = None,
) -> list[SignedObject]:
    """Read every signer of a SignedData into ``collected``, with time-stamps, counter-signatures and validation data. ``first`` gives the
    first bytes of a content that is not enclosed, where they are at hand."""
    own = list(certificates_in(cms.signed_data))
    collected.certificates.update(dict.fromkeys(own))
    for which, der in revocation_in(cms.signed_data):
        collected.data(which, der)
    objects = []
    infos = list(cms.signers)
    before = len(collected.objects)
    message = Message(first or cms.first) if first is not None or cms.pieces is not None else None
    for number, info in enumerate(infos, 1):
        label = name or (f"{number}" if len(infos) > 1 else "")
        read, signer = read_signer(
            info,
            kind=kind,
            role=Role.SIGNATURE,
            name=label,
            content=content,
            content_type=cms.content_type,
            certificates=(*own, *known),
            coverage=coverage,
            message=message,
        )
        if (
            signer is not None
            and not signer.has_signed
            and read.integrity is Integrity.INTACT
            and message is not None
            and is_attributes(message.first(HEAD))
        ):
            why = Finding("SIG-FORMAT", "", {"reason": phrase("cms-attributes")})
            read = replace(read, integrity=Integrity.BROKEN, failure=SubIndication.FORMAT_FAILURE, why=why)
        if signer is not None:
            read = replace(read, level=level_of(signer, kind))
            read = _attached(signer, read, collected, content, (*own, *known), cms)
        objects.append(read)
        collected.objects.append(read)
        if signer is not None:
            Countersigning(collected, (*own, *known), _attached).read(signer, read)
    for record in records_in(cms, content, lambda: collected.file().digests()):
        collected.record(record)
    if not infos and not _is_bag(cms, own, kind, name):
        collected.objects += _broken(phrase("cms-no-signer"), name).objects
    if cms.behind:
        collected.objects[before:] = map(in_part, collected.objects[before:])
        objects = list(map(in_part, objects))
    return objects


def level_of(signer: ReadSigner, kind: Kind) -> str:
    """The level by the properties that are there (EN 319 122-1, 6.1; for PDF the document's own parts raise it further)."""
    if SIGNING_CERTIFICATE not in signer.signed and SIGNING_CERTIFICATE_V2 not in signer.signed:
        return "CMS"
    level = "EPES" if SIGNATURE_POLICY in signer.signed else "B"
    if SIGNATURE_STAMP in signer.unsigned:
        level = "T"
    if level == "T" and (REVOCATION_VALUES in signer.unsigned or CERTIFICATE_VALUES in signer.unsigned):
        level = "LT"
    if any(
        each in signer.unsigned for each in ARCHIVE_STAMPS
    ):  # those before the third version are not validated: "A" as in CAdES-A
        level = "LTA" if ARCHIVE_STAMP_V3 in signer.unsigned else "A"
    if EVIDENCE_INTERNAL in signer.unsigned or EVIDENCE_EXTERNAL in signer.unsigned:
        level = "ERS"
    return f"{kind.value}-{level}"


def _attached(
    signer: ReadSigner,
    read: SignedObject,
    collected: Collected,
    content: Content,
    certificates: Sequence[Certificate],
    cms: CmsFile | None,
) -> SignedObject:
    """Take what hangs on a signer info: validation data, and time-stamps. ``cms`` is None where archive time-stamps have no place."""
    notes: list[Finding] = list(read.notes)
    collected.certificates.update(dict.fromkeys(certificate_values(signer.unsigned)))
    for which, der in (*revocation_values(signer.unsigned), *revocation_values(signer.signed)):
        collected.data(which, der)
    own = frozenset((digest_of(read.value),))
    named = _named_by(signer, read)

    def value(algorithm: str) -> bytes:
        return hashlib.new(algorithm, read.value).digest()

    if any(SIGNATURE_STAMP in each.unreadable or each.unreadable & ARCHIVE_STAMPS for each in (signer.signed, signer.unsigned)):
        notes.append(Finding("SIG-STAMP-BROKEN", "", {"reason": phrase("cms-attribute")}))
    for der in signer.unsigned.all(SIGNATURE_STAMP):
        _take_stamp(der, "signature", value, own, read.value, collected, notes, named)
    for der in signer.signed.all(CONTENT_STAMP):
        _take_stamp(der, "content", content, frozenset(), read.value, collected, notes)
    unread = {*ARCHIVE_STAMPS, ESC_STAMP}
    if cms is not None:
        unread -= {ARCHIVE_STAMP_V3}
        archiving = Archiving(cms, signer, content)
        for der in signer.unsigned.all(ARCHIVE_STAMP_V3):
            try:
                found = archiving.read(der)
            except Malformed as error:
                notes.append(Finding("SIG-STAMP-BROKEN", "", {"reason": str(error)}))
                continue
            if found.hash == "sha1":
                notes.append(WEAK)
            listed = (*named, (found.hash, found.listed))
            _take_stamp(der, "archive", found.stamped, own, read.value, collected, notes, listed)
        collected.stamps[:] = [_widened(each, collected.stamps) for each in collected.stamps]
    left = sum(signer.unsigned.counts.get(each, 0) for each in unread)
    if left:
        notes.append(Finding("SIG-STAMP-UNREAD", "", {"count": left}))
    return replace(read, notes=tuple(dict.fromkeys(notes)))


def _widened(stamp: Stamp, every: Sequence[Stamp]) -> Stamp:
    """An archive time-stamp proves the tokens it covers, and with each token its value and its certificates."""
    if stamp.kind != "archive":
        return stamp

    def widened(digests: frozenset[bytes]) -> frozenset[bytes]:
        inner = [each.token for each in every if each.sha256 in digests and each is not stamp]
        more = [digest_of(each.value) for each in inner] + [one.sha256 for each in inner for one in each.certificates]
        return digests.union(more)

    listed = tuple((name, widened(digests)) for name, digests in stamp.listed)
    return replace(stamp, covers=widened(stamp.covers), listed=listed)


def _named_by(signer: ReadSigner, read: SignedObject) -> tuple[tuple[str, frozenset[bytes]], ...]:
    """What a stamp over the value proves beside it: the certificate that the signed attributes name by its digest. Any other that came
    along, nobody stamped (EN 319 102-1, 5.6.2.3)."""
    if read.certificate is None:
        return ()
    return tuple((name, frozenset((read.certificate.sha256,))) for name, _ in ess_hashes(signer.signed))


def _take_stamp(
    der: bytes,
    kind: str,
    content: Content,
    covers: frozenset[bytes],
    of: bytes,
    collected: Collected,
    notes: list[Finding],
    listed: tuple[tuple[str, frozenset[bytes]], ...] = (),
) -> None:
    try:
        reading = read_stamp(der, kind, content, covers=covers, of=of)
    except Malformed as error:
        notes.append(Finding("SIG-STAMP-BROKEN", "", {"reason": str(error)}))
        return
    collected.stamps.append(replace(reading.stamp, listed=listed))
    collected.certificates.update(dict.fromkeys(reading.stamp.token.certificates))
    for which, data in reading.data:
        collected.data(which, data)
