"""Reading the XML signatures of one document, wherever it comes from: a file, a part of an office document, a member of a container."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from policies.findings import Finding, said
from policies.phrases import phrase
from signatures.algorithms import strength, weakest
from signatures.ber import Malformed
from signatures.certificates import Certificate
from signatures.cms import Content
from signatures.collected import Collected
from signatures.poe import digest_of
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import WEAK, Identity, SignedObject, Stamp
from signatures.stamps import ReadStamp, read_stamp
from signatures.unread import too_many
from signatures.xades import stamps
from signatures.xades.counter import countersigned, covers_value, signs_values_only
from signatures.xades.coverage import Covered, covered_by, shadows
from signatures.xades.left import coverage_of
from signatures.xades.properties import Properties, digests_in, local, properties_of, property_time, values_in
from signatures.xades.sealing import SEALING, sealing_records
from signatures.xmldsig.c14n import BYTES, Refused, Work
from signatures.xmldsig.document import Document, text_of
from signatures.xmldsig.failure import not_understood
from signatures.xmldsig.key_info import CERTIFICATE, charged
from signatures.xmldsig.references import Reading, Resolver, Transforms
from signatures.xmldsig.signature import Failure, XmlSignature, decoded, likeliest, open_signature

__all__ = ["MOST_SIGNATURES", "Read", "read_document"]

MOST_SIGNATURES = 100
"""Signatures of one document that are read; a petition that was signed by more in one file has not been heard of."""


@dataclass(frozen=True)
class Read:
    """One signature as it was read: what it covers, for a format to say more of it. ``signature`` is None when it could not be opened."""

    object: SignedObject
    element: Any
    signature: XmlSignature | None
    covered: Covered | None
    properties: Properties | None = None


@dataclass(frozen=True)
class _Reader:
    document: Document
    resolve: Resolver
    transforms: Transforms
    kind: Kind
    known: tuple[Certificate, ...]
    collected: Collected


def read_document(
    document: Document,
    resolve: Resolver,
    collected: Collected,
    *,
    kind: Kind = Kind.XADES,
    known: Sequence[Certificate] = (),
    transforms: Transforms | None = None,
    dress: Callable[[Read], SignedObject] = lambda read: read.object,
) -> list[Read]:
    """Read every signature of ``document`` into ``collected``, with time-stamps, counter-signatures and validation data.

    ``resolve`` finds the files that signatures name (percent-decoded); ``transforms`` are what a format adds to the closed list; ``dress``
    adds what a format knows of a signature besides.
    Raises only what ``resolve`` and what it opens raise.
    """
    found_once = cache(resolve)  # one file is one thing, however often it is asked for
    reader = _Reader(document, found_once, transforms or {}, kind, tuple(known), collected)
    found: list[Read] = []
    before = len(collected.objects)
    for number, element in enumerate(document.signatures(), 1):
        if number > MOST_SIGNATURES:
            found.append(_too_many(reader, element))
            break
        found.append(_read(reader, element, f"{number}"))
    found = _watched(document, found)
    if len(found) == 1:
        found = [replace(found[0], object=replace(found[0].object, name=""))] if found[0].object.name == "1" else found
    collected.objects[before:before] = [dress(each) for each in found]  # what came inside them is told after them
    return found


def _too_many(reader: _Reader, element: Any) -> Read:
    return Read(too_many(reader.kind, MOST_SIGNATURES + 1, MOST_SIGNATURES), element, None, None)


def _read(reader: _Reader, element: Any, number: str) -> Read:
    counter = countersigned(element)
    role = Role.SIGNATURE if counter is None else Role.COUNTERSIGNATURE
    base = SignedObject(
        reader.kind, role, element.get("Id", "")[:100] or number, b"", Integrity.UNKNOWN, coverage=Coverage("part")
    )
    try:
        signature = open_signature(reader.document, element, reader.resolve, reader.transforms)
        if role is Role.SIGNATURE and signs_values_only(signature):
            role = Role.COUNTERSIGNATURE
        return _opened(reader, replace(base, role=role), signature, counter)
    except Failure as failure:
        return Read(_failed(_unlevelled(base, element), failure), element, None, None)
    except Refused as error:
        base = _unlevelled(base, element)
        sub = SubIndication.SIG_CONSTRAINTS_FAILURE
        why = Finding("SIG-XML-REFUSED", "", {"reason": error.reason})
        return Read(replace(base, integrity=Integrity.UNKNOWN, failure=sub, why=why), element, None, None)


def _unlevelled(base: SignedObject, element: Any) -> SignedObject:
    """The same of a signature that could not be taken apart: XAdES only where it has properties of XAdES."""
    has = any(local(each) == "QualifyingProperties" for each in element.iter("{*}*"))
    return base if has else replace(base, level="XML-DSig")


def _failed(base: SignedObject, failure: Failure) -> SignedObject:
    return replace(base, integrity=failure.integrity, failure=failure.sub, why=failure.why)


def _opened(reader: _Reader, base: SignedObject, signature: XmlSignature, counter: Any) -> Read:
    properties = properties_of(reader.document, signature.element, signature.references)
    added = _values(reader, properties)
    candidates = tuple(dict.fromkeys((*signature.certificates, *reader.known, *added)))
    covered = replace(covered_by(reader.document, signature.element, tuple(signature.every)), certificates=candidates)
    digests = {each.algorithm for each in signature.every if each.algorithm}
    base = replace(
        base,
        value=signature.value,
        certificates=tuple(dict.fromkeys((*signature.certificates, *reader.known))),
        scheme=signature.scheme.name,
        signature_algorithm=f"{signature.scheme.name}-{signature.scheme.hash}",
        digest_algorithm=weakest(digests),
        claimed=properties.claimed or property_time(reader.document, signature.element, signature.references),
        level=_level(properties),
        location=properties.place,
        coverage=coverage_of(reader.document, covered),
    )
    read = _judged(base, signature, properties, candidates, counter, reader.document.work)
    if read.certificate is not None and (named := properties.names(read.certificate)):
        digests.add(max(named, key=strength))
        read = replace(read, digest_algorithm=weakest(digests))
    reader.collected.certificates.update(dict.fromkeys(signature.certificates))
    notes = [*read.notes, *_notes(read, digests)]
    _Stamps(reader, signature.reading, signature, properties, read, notes).take()
    return Read(replace(read, notes=tuple(dict.fromkeys(notes))), signature.element, signature, covered, properties)


def _values(reader: _Reader, properties: Properties) -> list[Certificate]:
    """Take the validation data of the unsigned properties; returns the certificates among it."""
    found: dict[Certificate, None] = {}
    for element in properties.unsigned:
        if local(element) == "CounterSignature":
            continue
        for which, der in values_in(element):
            reader.document.work.visit(len(der) >> BYTES)
            if which != "certificate":
                reader.document.work.visit(CERTIFICATE)
                reader.collected.data(which, der)
                continue
            with suppress(ValueError):
                found.setdefault(charged(der, reader.document.work))
    reader.collected.certificates.update(found)
    return list(found)


def _notes(read: SignedObject, digests: set[str]) -> list[Finding]:
    hashes = {*digests, read.signature_algorithm.rpartition("-")[2]}
    notes = [WEAK] if "sha1" in hashes else []
    if read.coverage.left and read.role is Role.SIGNATURE:
        covered = ", ".join((*read.coverage.elements, *read.coverage.files)) or "-"
        notes.append(Finding("SIG-PART-ONLY", "", {"covered": covered, "left": ", ".join(read.coverage.left)}))
    return notes


def _level(properties: Properties) -> str:
    """The level by the properties that are there (EN 319 132-1, 6.1)."""
    if properties.signed is None or not properties.names_certificate:
        return "XML-DSig"
    level = "EPES" if properties.has_policy else "B"
    if properties.unsigned_named(*stamps.SIGNATURE):
        level = "T"
    values = ("CertificateValues", "RevocationValues", "AnyValidationData", "TimeStampValidationData")
    if level == "T" and properties.unsigned_named(*values):
        level = "LT"
    if properties.unsigned_named(*stamps.ARCHIVE):
        level = "LTA"
    return f"{Kind.XADES.value}-{level}"


def _judged(
    base: SignedObject,
    signature: XmlSignature,
    properties: Properties,
    candidates: Sequence[Certificate],
    counter: Any,
    work: Work,
) -> SignedObject:
    """The certificate, the arithmetic and the references, in the order of EN 319 102-1, 5.2. Raises `Refused`."""
    named = [each for each in candidates if properties.names(each)] if properties.names_certificate else list(candidates)
    certificate = next((each for each in named if signature.made_by(each, work)), None)
    if certificate is None and not any(signature.made_by(each, work) for each in candidates):
        return _made_by_none(base, named if properties.names_certificate else [each for each in named if not each.is_authoritys])
    if certificate is not None:
        base = replace(base, certificate=certificate)
    if wrong := signature.wrong():
        return _failed(base, wrong)
    if certificate is None:  # value and digests are right, but another certificate was signed along (EN 319 102-1, 5.2.3.4)
        return _failed(base, Failure(Integrity.INTACT, SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "SIG-NO-SIGNER"))
    if counter is not None and not covers_value(signature, counter):
        reason = phrase("dsig-counter")
        return _failed(base, Failure(Integrity.BROKEN, SubIndication.FORMAT_FAILURE, "SIG-FORMAT", reason=reason))
    return replace(base, integrity=Integrity.INTACT)


def _made_by_none(base: SignedObject, likely: Sequence[Certificate]) -> SignedObject:
    """What is known of a value that no certificate at hand made: it is wrong where the signer's is among them, and only there."""
    if not likely:  # EN 319 102-1, 5.2.3.4
        return _failed(base, Failure(Integrity.UNKNOWN, SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "SIG-NO-SIGNER"))
    unread = [each for each in likely if each.key is None]
    base = replace(base, certificate=likeliest(unread or likely))
    if unread:
        return _failed(base, not_understood(phrase("alg-key")))
    return _failed(base, Failure(Integrity.BROKEN, SubIndication.SIG_CRYPTO_FAILURE, "SIG-VALUE-WRONG"))


def _watched(document: Document, found: list[Read]) -> list[Read]:
    """Signatures that cover nothing, or elements with doubles that nobody signed (`coverage.shadows`), say nothing of what readers would
    show: their values are right, and whether what is shown is whole is not known.

    Anybody can sign a double. So another signature counts only where it is trusted, which is known when all of them have been judged."""
    every = [each for each in found if each.covered is not None and each.object.integrity is Integrity.INTACT]
    return [replace(each, object=_seen(document, each, every)) for each in found]


def _seen(document: Document, read: Read, every: Sequence[Read]) -> SignedObject:
    if read.covered is None or read.object.failure is not None:
        return read.object
    why = _unclear(document, read, every)
    if why is None:
        return replace(read.object, unless=partial(_without, document, read, every)) if len(every) > 1 else read.object
    return replace(read.object, integrity=Integrity.UNKNOWN, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=why)


def _without(document: Document, read: Read, every: Sequence[Read], trusted: Collection[Identity]) -> Finding | None:
    """What is unclear without those of ``every`` that are not trusted."""
    helping = [each for each in every if each is read or each.object.identity in trusted]
    return _unclear(document, read, helping) if len(helping) < len(every) else None


def _unclear(document: Document, read: Read, every: Sequence[Read]) -> Finding | None:
    """Why it cannot be told what a signature covers of what a reader would show."""
    assert read.covered is not None
    try:
        if read.object.role is Role.SIGNATURE and not (read.covered.tops or read.covered.files):
            return Finding("SIG-XML-REFUSED", "", {"reason": phrase("dsig-nothing")})
        if double := shadows(document, read.covered, [each.covered for each in every if each.covered is not None]):
            return Finding("SIG-WRAPPED", "", {"element": double, "covered": ", ".join(read.object.coverage.elements)})
    except Refused as error:
        return Finding("SIG-XML-REFUSED", "", {"reason": error.reason})
    return None


_STAMP_KINDS = (
    ("content", stamps.CONTENT),
    ("signature", stamps.SIGNATURE),
    ("references", stamps.REFERENCES),
    ("archive", stamps.ARCHIVE),
)


class _Stamps:
    """The time-stamps of one signature, in their order: each proves what it was made over, and later ones prove the earlier."""

    def __init__(
        self,
        reader: _Reader,
        reading: Reading,
        signature: XmlSignature,
        properties: Properties,
        read: SignedObject,
        notes: list[Finding],
    ) -> None:
        self._reader, self._reading, self._signature, self._properties = reader, reading, signature, properties
        self._read, self._notes = read, notes
        self._before: set[bytes] = set()
        """Digests of what stands in the unsigned properties so far."""
        self._referred: dict[str, dict[str, set[bytes]]] = {}
        """Property → hash → digests of what the references so far name by it, of what came along."""
        self._hashed: dict[str, tuple[set[bytes], dict[bytes, bytes]]] = {}
        """Hash → what came along and was hashed so far, and its value → what it is called in proofs."""

    def take(self) -> None:
        for name in sorted(stamps.CONTENT):
            for container in self._properties.signed_named(name):
                self._container(container, "content")
        for container in self._properties.unsigned:
            kind = next((kind for kind, names in _STAMP_KINDS[1:] if local(container) in names), None)
            if kind is not None:
                self._container(container, kind)
            elif container.tag == SEALING:
                for record in sealing_records(
                    self._reading, self._signature, self._properties, container, self._covers("archive")
                ):
                    self._reader.collected.record(record)
                    self._before.add(digest_of(record.encoded))
            elif local(container) in stamps.REFS:
                self._refer(container)
            self._reading.document.work.visit(1 + (len(self._before) >> 4))
            self._before.update(digest_of(der) for _, der in values_in(container))

    def _container(self, container: Any, kind: str) -> None:
        contents = stamps.stamped(self._reading, self._signature, self._properties, container)
        covers = self._covers(kind, local(container))
        for each in (e for e in container.iterchildren() if local(e) in ("EncapsulatedTimeStamp", "XMLTimeStamp")):
            if local(each) == "XMLTimeStamp":
                self._notes.append(Finding("SIG-STAMP-UNREAD", "", {"count": 1}))
                continue
            try:
                text = text_of(each)
                self._reading.document.work.visit(stamps.STAMP + (len(text) >> 3))
                der = decoded(text, "a time-stamp")
                reading = self._first_intact(der, kind, contents, covers)
            except Malformed as error:
                self._notes.append(Finding("SIG-STAMP-BROKEN", "", {"reason": str(error)}))
            except Failure as failure:
                self._notes.append(Finding("SIG-STAMP-BROKEN", "", {"reason": said(failure.why, code=False)}))
            else:
                self._took(replace(reading.stamp, listed=self._listed(kind, local(container))), reading.data)

    def _first_intact(self, der: bytes, kind: str, contents: Sequence[Content], covers: frozenset[bytes]) -> ReadStamp:
        """The token over the first of ``contents`` that it stamps; else as it is over the first of all. Raises `Malformed`."""
        first = read_stamp(der, kind, contents[0], covers=covers, of=self._read.value)
        for content in contents[1:] if first.stamp.token.integrity is Integrity.BROKEN else ():
            found = read_stamp(der, kind, content, covers=covers, of=self._read.value)
            if found.stamp.token.integrity is Integrity.INTACT:
                return found
        return first

    def _took(self, stamp: Stamp, data: Sequence[tuple[str, bytes]]) -> None:
        collected = self._reader.collected
        collected.stamps.append(stamp)
        collected.certificates.update(dict.fromkeys(stamp.token.certificates))
        self._before |= {stamp.sha256, digest_of(stamp.token.value), *(each.sha256 for each in stamp.token.certificates)}
        for which, der in data:
            collected.data(which, der)
            self._before.add(digest_of(der))

    def _covers(self, kind: str, name: str = "") -> frozenset[bytes]:
        """What a sound time-stamp of this kind proves."""
        if kind == "content":
            return frozenset()
        own = set() if name.startswith("RefsOnly") else {digest_of(self._read.value)}
        if kind == "archive":
            own |= {each.sha256 for each in self._signature.certificates} | self._before
        return frozenset(own)

    def _listed(self, kind: str, name: str) -> tuple[tuple[str, frozenset[bytes]], ...]:
        """What a sound time-stamp over references proves by them: what those name that it is made over, and no others."""
        taken = [self._referred.get(each, {}) for each in stamps.refs_of(name)] if kind == "references" else []
        return tuple((hash_name, frozenset(digests)) for each in taken for hash_name, digests in each.items())

    def _refer(self, container: Any) -> None:
        """Take what references to validation data name: what has such a digest existed when they were stamped (EN 319 102-1, 5.6.2.3)."""
        wanted = set(digests_in(container))
        referred = self._referred.setdefault(local(container), {})
        for name in {name for name, _ in wanted}:
            known = self._known(name)
            referred.setdefault(name, set()).update(known[each] for other, each in wanted if other == name and each in known)
        if any(name == "sha1" for name, _ in wanted):
            self._notes.append(WEAK)

    def _known(self, name: str) -> dict[bytes, bytes]:
        """What came along so far, by its hash. Raises `Refused`."""
        found, work = self._reader.collected, self._reading.document.work
        every = (*(each.der for each in found.certificates), *found.crls, *found.ocsps)
        hashed, known = self._hashed.setdefault(name, (set(), {}))
        work.visit(1 + (len(every) >> 5))
        for der in (each for each in every if each not in hashed):
            work.visit(1 + (len(der) >> BYTES))
            hashed.add(der)
            known[hashlib.new(name, der).digest()] = digest_of(der)
        return known
