"""Packages of TR-ESOR as signed files: the evidence records in them, each over the version it is for, and the signatures they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO, TypeVar

from formats.xml import MAX_EXACT_BYTES, NotLookedAt, NotWellFormed, TooLarge
from policies.findings import Finding
from policies.phrases import phrase
from signatures.ber import Malformed
from signatures.cades import read_cms
from signatures.certificates import Certificate
from signatures.cms import CmsFile, Content, open_cms
from signatures.collected import Collected
from signatures.embedded import read_embedded
from signatures.evidence import ObjectDigests
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import EmbeddedRecord, SignedFile, SignedObject, Source
from signatures.stamps import read_stamp
from signatures.unread import unread
from signatures.xades.reader import read_document
from signatures.xades.stamps import STAMP
from signatures.xaip import MOST_LEFT, Xaip, at_most, in_package, is_package
from signatures.xaip_credentials import Credential, Handed, Unread
from signatures.xmldsig.document import Document

__all__ = ["XaipVerifier", "in_any_version", "in_version", "opened_package"]

MOST_RECORDS = 1000
"""Records, or signatures, in one package that are read."""

MOST_VERSIONS = 100
"""Versions of a package against which a record is tried that does not say for which it is."""

Opened = Callable[[], BinaryIO]

_Each = TypeVar("_Each")


def opened_package(opened: Opened) -> Xaip | None:
    """The package of TR-ESOR that is opened; None: it is none."""
    with opened() as stream:
        data = stream.read(MAX_EXACT_BYTES + 1)
    return in_package(data) if len(data) <= MAX_EXACT_BYTES else None


def in_version(package: Xaip, record: Handed, source: Source, name: str) -> EmbeddedRecord:
    protected = package.protected(record, source.named)
    names = [each.name for each in protected.objects]
    coverage = Coverage("part", name=name, files=tuple(names[:MOST_LEFT]), left=protected.left)
    read = read_embedded(
        record.encoded,
        protected.objects,
        name=record.name or name,
        covers=protected.covers,
        missing=protected.missing,
        coverage=coverage,
        reason=protected.reason,
        refused=protected.refused,
    )
    if read.object.failure is not None:
        return read
    habits = {each.args["quirk"] for each in read.object.notes if each.code == "EVD-QUIRK"}
    left = at_most((*protected.left, *(one for habit, names in protected.alone.items() if habit in habits for one in names)))
    part = [Finding("EVD-PART-ONLY", "", {"left": ", ".join(left)})] if left else []
    notes = (*read.object.notes, *protected.notes, *part)
    return replace(read, object=replace(read.object, coverage=replace(coverage, left=left), notes=notes))


def in_any_version(package: Xaip, record: Handed, source: Source, name: str) -> EmbeddedRecord:
    """A record that lies beside the package ``name``: where it does not say for which version it is, each is tried, and told that fits."""
    if record.version or not 1 < len(package.versions) <= MOST_VERSIONS:
        return in_version(package, record, source, name)
    fitting: dict[str, EmbeddedRecord] = {}
    for version in package.versions:
        tried = in_version(package, replace(record, version=version), source, name)
        if tried.object.integrity is Integrity.INTACT:
            fitting[version] = tried
    if not fitting:
        return in_version(package, record, source, name)
    widest = max(fitting.values(), key=lambda each: len(each.covers))
    note = Finding("EVD-VERSION-TRIED", "", {"versions": ", ".join(fitting), "count": len(package.versions)})
    return replace(
        widest,
        object=replace(widest.object, notes=(*widest.object.notes, note)),
        covers=frozenset().union(*(each.covers for each in fitting.values())),
    )


class XaipVerifier:
    """`signatures.signed.Verifier` for packages of TR-ESOR: each record in them over the version it is for, and the
    signatures in them, XML or CMS."""

    kinds = frozenset({Kind.XAIP})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        self._known = tuple(known)

    def read(self, source: Source) -> SignedFile:
        with source.path.open("rb") as stream:
            data = stream.read(MAX_EXACT_BYTES + 1)
        collected = Collected()
        try:
            document = Document(data, source.work)
            if not is_package(document.root):
                raise NotWellFormed(phrase("xai-none"))
            del data
            package = Xaip(document.root, document.work)
            read_document(document, source.named, collected, known=self._known)
            self._credentials(package, source, collected)
        except NotWellFormed as error:
            refused = isinstance(error, NotLookedAt)
            why = Finding("SIG-XML-REFUSED" if refused else "SIG-FORMAT", "", {"reason": error.reason})
            sub = SubIndication.SIG_CONSTRAINTS_FAILURE if refused else SubIndication.FORMAT_FAILURE
            integrity = Integrity.UNKNOWN if refused else Integrity.BROKEN
            collected.objects.append(SignedObject(Kind.XAIP, Role.EVIDENCE, "", b"", integrity, sub, why))
        return collected.file()

    def _credentials(self, package: Xaip, source: Source, collected: Collected) -> None:
        """What stands among the credentials: signatures and time-stamps over what they are related to, then records, which may prove
        them, then what cannot be read. Raises NotWellFormed: no more is looked at."""
        found = list(_bounded(package.credentials()))
        inside: dict[str, Collected] = {}
        for role in (Role.SIGNATURE, Role.TIMESTAMP):  # time-stamps may be over signatures
            for each in found:
                if isinstance(each, Credential) and each.role is role:
                    package.account((1 + len(each.related)) * (STAMP + (len(each.encoded) >> 3)))
                    mine = self._signed(package, each, source, inside)
                    inside.setdefault(each.name, Collected()).take(mine)
                    collected.take(mine)
        for each in found:
            if isinstance(each, Handed):
                package.account(STAMP + (len(each.encoded) >> 3))
                read = in_version(package, each, source, "")
                proved = [inside[name].file().digests() for name in read.report.covered if name in inside]
                collected.record(replace(read, covers=read.covers.union(*proved)))
        collected.objects += [
            unread(each.why, Kind.XAIP, each.name, role=each.role) for each in found if isinstance(each, Unread)
        ]

    def _signed(self, package: Xaip, each: Credential, source: Source, inside: Mapping[str, Collected]) -> Collected:
        """A CMS signature or a time-stamp, over what is in it, or else over the object that it is related to."""
        mine = Collected()
        related = [_Related(package, name, source) for name in each.related]
        try:
            if each.role is Role.TIMESTAMP:
                _read_token(each, mine, related, inside, self._known)
                return mine
            cms = open_cms(each.encoded)
            if cms.pieces is not None:
                size = cms.enclosed_size
                read_cms(cms, mine, cms.enclosed, Coverage("enclosed", size, size), name=each.name, known=self._known)
            else:
                _read_detached(cms, mine, related, each.name, self._known)
        except Malformed as error:
            mine.objects.append(unread(error, Kind.CADES, each.name, role=each.role))
        return mine


@dataclass(frozen=True)
class _Related:
    """An object of the package, as signed content."""

    package: Xaip
    name: str
    source: Source

    def _digests(self) -> ObjectDigests | None:
        """None where it is not there, and no more is known of it than what the package says."""
        found = self.package.object_called(self.name, self.source.named)
        return found.digests if found is not None and isinstance(found.digests, ObjectDigests) else None

    def digest(self, algorithm: str) -> bytes | None:
        found = self._digests()
        try:
            return found[algorithm] if found is not None else None
        except KeyError:
            return None

    def first(self, most: int) -> bytes:
        found = self._digests()
        return found.begin(most) if found is not None else b""


def _read_detached(
    cms: CmsFile, collected: Collected, related: Sequence[_Related], name: str, known: Sequence[Certificate]
) -> None:
    """Read a detached CMS over the first of the related objects that is right, else over the first at all."""
    first: Collected | None = None
    for each in related:
        tried = Collected()
        read_cms(cms, tried, each.digest, Coverage("beside", name=each.name), name=name, known=known, first=each.first)
        first = first or tried
        if any(one.integrity is Integrity.INTACT for one in tried.objects):
            first = tried
            break
    if first is None:
        first = Collected()
        read_cms(cms, first, lambda _: None, Coverage("part"), name=name, known=known)
    collected.take(first)


def _read_token(
    each: Credential,
    collected: Collected,
    related: Sequence[_Related],
    inside: Mapping[str, Collected],
    known: Sequence[Certificate],
) -> None:
    """Read a time-stamp token over the first of the related objects that it is right over, be it a signature by its value alone; else
    over the first at all. Raises Malformed: it is no token."""
    contents: list[tuple[str, Content]] = []
    for one in related:
        contents.append((one.name, one.digest))
        values = [each.value for each in inside[one.name].objects if each.value] if one.name in inside else []
        contents += [(one.name, partial(_digest_of, value)) for value in values]
    tried = [
        read_stamp(each.encoded, "content", content, name=each.name, coverage=Coverage("beside", name=name), known=known)
        for name, content in contents or [("", lambda _: None)]
    ]
    found = next((one for one in tried if one.stamp.token.integrity is Integrity.INTACT), tried[0])
    for which, der in found.data:
        collected.data(which, der)
    collected.stamps.append(found.stamp)
    collected.objects.append(found.stamp.token)


def _digest_of(value: bytes, algorithm: str) -> bytes:
    return hashlib.new(algorithm, value).digest()


def _bounded(found: Iterable[_Each]) -> Iterator[_Each]:
    for number, each in enumerate(found):
        if number >= MOST_RECORDS:
            raise TooLarge(phrase("xai-many", most=MOST_RECORDS))
        yield each
