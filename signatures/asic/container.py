"""Reading a container: which member is made over what, and whether it is so. The container itself is never unpacked, nor changed.

A seal (a signature, time-stamp or evidence record in META-INF) covers a manifest, and through it the members that the manifest names;
in a simple container it covers the one object. What a seal does not cover is told beside what it covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from typing import Any, BinaryIO

from formats.package.names import told_name
from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotLookedAt
from policies.findings import Finding
from policies.phrases import phrase
from signatures.algorithms import weakest
from signatures.asic.coverage import MOST_LEFT, first_of, is_pure, leave, part_only
from signatures.asic.listing import LISTING, agrees, listed, types_in_manifest, types_in_signature
from signatures.asic.manifest import Manifest, MemberDigests, read_manifests
from signatures.asic.names import (
    CADES,
    EVIDENCE,
    MEDIA_TYPE,
    MIMETYPE,
    STAMP,
    XADES,
    is_manifest,
    is_simple,
)
from signatures.asic.outcomes import Wrong, alone, failed
from signatures.asic.seals import read_each, structures_in
from signatures.ber import Beyond, Malformed
from signatures.cades import read_cms
from signatures.certificates import Certificate
from signatures.cms import HEAD, MOST_BYTES, Content, open_cms
from signatures.collected import Collected
from signatures.embedded import read_embedded
from signatures.errors import InvalidRecord
from signatures.evidence import DataObject, data_object
from signatures.evidence_files import handed_over
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import WEAK, SignedFile, SignedObject, Source
from signatures.stamps import read_stamp
from signatures.unread import too_many, unread
from signatures.xades import stamps
from signatures.xades.packaged import Parts, member_named, opened_zip, read_part, refused_file, said_aside
from signatures.xmldsig.c14n import Refused, Work

__all__ = ["AsicVerifier"]

MOST_SEALS = 100
"""Signatures, time-stamps and evidence records of one container that are read: each costs some milliseconds."""


class AsicVerifier:
    """`signatures.signed.Verifier` for ASiC-S and ASiC-E."""

    kinds = frozenset({Kind.ASIC})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        self._known = tuple(known)

    def read(self, source: Source) -> SignedFile:
        work = source.work or Work()
        members = opened_zip(source, Kind.ASIC, work)
        if isinstance(members, SignedFile):
            return members
        return _Container(members, source.name, self._known, work).file()


class _Container:
    def __init__(self, members: ZipMembers, name: str, known: tuple[Certificate, ...], work: Work) -> None:
        self._members, self._known = members, known
        self._digests = MemberDigests(members)
        self._work = work
        self._objects = [each for each in members.names if each != MIMETYPE and not each.upper().startswith("META-INF/")]
        self._object_names = frozenset((*self._objects, *map(told_name, self._objects)))
        self._sizes = {each: members.size(each) for each in members.names}
        self._simple = is_simple(members, name, len(self._objects))
        self._unread: list[str] = []
        """Why manifests could not be read."""
        self._manifests = list(read_manifests(members, self._sizes, work, self._unread))
        self._sealed = {each.seal for each in self._manifests}
        self._told: dict[tuple[Manifest | str | None, bool], tuple[Coverage, Wrong | None]] = {}
        self._chosen: set[str] = set()
        """Manifests over which a seal is made."""
        self._data: dict[str, DataObject] = {}
        self._mine: dict[str, Collected] = {}
        self._over: dict[str, tuple[str, ...]] = {}
        """What each seal covers: names of members."""
        self._types: dict[str, list[dict[str, str]]] = {}
        """And the media types that were signed along, for each signature in it."""

    def file(self) -> SignedFile:
        for name, read in islice(self._seals.items(), MOST_SEALS):
            mine = Collected()
            try:
                read(name, mine)
            except InvalidRecord as error:  # what was half read is not told
                beyond = Beyond(error.reason) if error.beyond else error.reason
                mine = alone(unread(beyond, Kind.ASIC, name, place=name))
            except (Malformed, BadZip) as error:
                mine = alone(unread(error, Kind.ASIC, name, place=name))
            except (Refused, NotLookedAt) as error:
                mine = alone(*refused_file(Kind.ASIC, error.reason, name).objects)
            self._mine[name] = mine
        collected = Collected()
        for name, mine in self._mine.items():
            over = self._over.get(name, ())
            stray = [each for each in self._strays if each not in over] if over else []
            leave(mine, [*stray, *([LISTING] if self._lists_more(name, over) else [])])
            self._widen(name, mine)
        for mine in self._mine.values():
            collected.take(mine)
        if len(self._seals) > MOST_SEALS:
            collected.objects.append(too_many(Kind.ASIC, len(self._seals), MOST_SEALS))
        return collected.file()

    @cached_property
    def _listed(self) -> Mapping[str, str] | None:
        return listed(self._members, self._work)

    def _lists_more(self, seal: str, over: Sequence[str]) -> bool:
        """Whether the list of members, which passes for machinery, says more of what a seal covers than was signed along."""
        if self._listed is None or not over or LISTING in over:
            return False
        return not all(agrees(self._listed, over, types) for types in self._types.get(seal, [{}]))

    @cached_property
    def _strays(self) -> list[str]:
        """Manifests that no seal is over, when all seals are read: they are none, but content."""
        return [each for each in self._members.names if is_manifest(each) and each not in self._chosen]

    @cached_property
    def _seals(self) -> dict[str, Callable[[str, Collected], None]]:
        return {name: read for name in self._members.names if (read := self._reader_of(name)) is not None}

    def _reader_of(self, name: str) -> Callable[[str, Collected], None] | None:
        """How a member is read, when it is a seal: by its name, or because a manifest says that it is its."""
        if is_manifest(name):
            return None
        named = name in self._sealed
        for pattern, suffixes, read in (
            (CADES, (".p7s", ".p7m"), self._cades),
            (XADES, (), self._xades),
            (STAMP, (".tst",), self._stamp),
            (EVIDENCE, (".ers", ".xml"), self._evidence),
        ):
            if pattern.match(name) or (named and name.lower().endswith(suffixes)):
                return read
        return None

    @cached_property
    def _content_names(self) -> list[str]:
        """The objects, and whatever else is not told as a seal of its own. What containers of other families have in META-INF too
        (EN 319 162-1, 4.4.3.2) is signed by nobody who does not say so."""
        seals = frozenset(islice(self._seals, MOST_SEALS))
        return [each for each in self._members.names if each in self._object_names or not self._is_formal(each, seals)]

    def _is_formal(self, name: str, seals: frozenset[str]) -> bool:
        if name == LISTING:
            return self._listed is not None
        if name == MIMETYPE:
            return bool(self._sizes[name] < HEAD and MEDIA_TYPE.match(self._members.read(name, HEAD)))
        if name in seals and self._seals[name] == self._xades:
            return is_pure(self._members, name, self._work)
        if name in seals and self._seals[name] in (self._cades, self._stamp):
            return not structures_in(self._members, name).beside
        if name in seals:
            return True
        return is_manifest(name)  # those that no seal is over are told when all seals are read

    # -- what a seal is made over ---------------------------------------------------------------------------------------------

    def _made_over(self, name: str) -> list[Manifest | str]:
        """The manifests that name the seal as theirs; in a simple container without one, its object."""
        found: list[Manifest | str] = [each for each in self._manifests if each.seal == name]
        if not found and self._simple and len(self._objects) == 1:
            found.append(self._objects[0])
        return found

    def _content(self, over: Manifest | str | None) -> Content:
        return (lambda _: None) if over is None else partial(self._digest, over.name if isinstance(over, Manifest) else over)

    def _digest(self, member: str, algorithm: str) -> bytes | None:
        """The digest of a member; b"", which nothing has, when it is damaged."""
        try:
            return self._digests.of(member, algorithm)
        except BadZip:
            return b""

    def _wrong(self, over: Manifest | str | None) -> Wrong | None:
        """What is wrong with what a seal covers, when the seal itself is right."""
        if self._simple and len(self._objects) != 1:
            reason = phrase("asic-one-object", count=len(self._objects))
            return SubIndication.FORMAT_FAILURE, Finding("SIG-FORMAT", "", {"reason": reason})
        if isinstance(over, Manifest) and not over.named:
            return SubIndication.SIG_CONSTRAINTS_FAILURE, Finding("SIG-XML-REFUSED", "", {"reason": phrase("asic-nothing")})
        return self._digests.wrong(over) if isinstance(over, Manifest) else None

    def _of_no_object(self, covered: Iterable[str]) -> Wrong | None:
        """A signature is over data objects (EN 319 162-1, 4.4.3.2): one that names only what lies in META-INF signs no document of the
        container. Time-stamps and evidence records may well be over signatures alone."""
        if not self._objects or any(each in self._object_names for each in covered):
            return None
        return SubIndication.SIG_CONSTRAINTS_FAILURE, Finding("SIG-XML-REFUSED", "", {"reason": phrase("asic-no-object")})

    def _covered(self, over: Manifest | str | None) -> tuple[str, ...]:
        if isinstance(over, Manifest):
            return (over.name, *dict.fromkeys(each.member for each in over.named))
        return (over,) if over else ()

    def _recorded(self, over: Manifest | str | None) -> tuple[str, ...]:
        """What an evidence record covers: what its manifest names. Of the manifest itself it has no hash (EN 319 162-1, A.4.3)."""
        covered = self._covered(over)
        return covered[1:] if isinstance(over, Manifest) else covered

    def _coverage(self, covered: Sequence[str]) -> Coverage:
        within = frozenset(covered)
        left = [told_name(each) for each in self._content_names if each not in within]
        named = [each for each in within if each in self._sizes]
        size, total = sum(self._sizes[each] for each in named), sum(self._sizes.values())
        left += said_aside(self._members)
        return Coverage(
            "part" if left else "file", size, total, files=tuple(map(told_name, covered[:MOST_LEFT])), left=first_of(left)
        )

    def _dressed(self, read: SignedObject, name: str, over: Manifest | str | None) -> SignedObject:
        """The object with what the container says of it."""
        key = over, read.role is Role.EVIDENCE
        if key not in self._told:
            self._told[key] = self._coverage((self._recorded if key[1] else self._covered)(over)), self._wrong(over)
        coverage, wrong = self._told[key]
        if wrong is None and read.role is Role.SIGNATURE and isinstance(over, Manifest):
            wrong = self._of_no_object(each.member for each in over.named)
        notes = read.notes
        if coverage.left and over is not None:
            notes = (*notes, part_only(coverage))
        if isinstance(over, Manifest) and read.role is not Role.EVIDENCE:  # of a record they are those of its own list
            hashes = {*filter(None, (read.digest_algorithm,)), *(each.hash for each in over.named)}
            read = replace(read, digest_algorithm=weakest(hashes))
            notes = tuple(dict.fromkeys((*notes, WEAK))) if "sha1" in hashes else notes
        if over is None and self._unread and read.failure is SubIndication.SIGNED_DATA_NOT_FOUND:
            read = replace(read, why=Finding("SIG-FORMAT", "", {"reason": self._unread[0]}))
        label = f"{name} {read.name}".strip()
        kind = read.kind if read.role in (Role.TIMESTAMP, Role.EVIDENCE) else Kind.ASIC
        dressed = replace(read, kind=kind, name=label, coverage=coverage, notes=notes)
        return failed(dressed, wrong) if wrong is not None and read.integrity is not Integrity.BROKEN else dressed

    # -- seals ----------------------------------------------------------------------------------------------------------------

    def _cades(self, name: str, mine: Collected) -> None:
        read_each(self._members, name, mine, partial(self._one_cms, name))

    def _one_cms(self, name: str, data: bytes, label: str, mine: Collected) -> None:
        self._account(data)
        cms = open_cms(data)
        if cms.pieces is not None:
            raise Malformed(phrase("asic-enclosing"))
        over, tried = self._first_good(
            name,
            lambda over, into: read_cms(
                cms, into, self._content(over), Coverage("part"), known=self._known, first=partial(self._first, over)
            ),
        )
        mine.take(tried)
        mine.objects[:] = [each if each.role is Role.EVIDENCE else self._dressed(each, label, over) for each in mine.objects]
        self._seals_over(name, self._covered(over))

    def _seals_over(self, name: str, covered: Iterable[str]) -> None:
        self._over[name] = tuple(dict.fromkeys((*self._over.get(name, ()), *covered)))

    def _account(self, data: bytes) -> None:
        """Account for reading a seal, in proportion to its length. Raises `Refused`: no more is read."""
        self._work.visit(stamps.STAMP + (len(data) >> 4))

    def _first(self, over: Manifest | str | None, most: int) -> bytes:
        """The first bytes of what a seal is made over."""
        try:
            with self._members.opened(over.name if isinstance(over, Manifest) else over or "") as stream:
                return stream.read(most)
        except (BadZip, KeyError):
            return b""

    def _first_good(
        self, name: str, read: Callable[[Manifest | str | None, Collected], Any]
    ) -> tuple[Manifest | str | None, Collected]:
        """Which of the candidates a seal is made over, and how it reads over that: the first that is right, else the first at all."""
        first: tuple[Manifest | str | None, Collected] | None = None
        for over in self._made_over(name):
            tried = Collected()
            self._work.visit(stamps.STAMP)
            read(over, tried)
            signed = [each for each in tried.objects if each.role is not Role.COUNTERSIGNATURE]
            if signed and all(each.integrity is Integrity.INTACT for each in signed):
                first = over, tried
                break
            first = first or (over, tried)
        if first is None:
            first = None, Collected()
            read(*first)
        if isinstance(first[0], Manifest):
            self._chosen.add(first[0].name)
            self._types.setdefault(name, []).append(types_in_manifest(first[0]))
        return first

    def _stamp(self, name: str, mine: Collected) -> None:
        read_each(self._members, name, mine, partial(self._one_stamp, name))

    def _one_stamp(self, name: str, data: bytes, label: str, mine: Collected) -> None:
        self._account(data)

        def read(over: Manifest | str | None, into: Collected) -> None:
            reading = read_stamp(data, "archive", self._content(over), name=name, known=self._known)
            into.stamps.append(reading.stamp)
            into.objects.append(reading.stamp.token)
            into.certificates.update(dict.fromkeys(reading.stamp.token.certificates))
            for kind, der in reading.data:
                into.data(kind, der)

        over, tried = self._first_good(name, read)
        mine.take(tried)
        token = self._dressed(replace(mine.objects[0], name=""), label, over)
        mine.objects[0] = token
        mine.stamps[0] = replace(mine.stamps[0], token=token)
        self._seals_over(name, self._covered(over))

    def _evidence(self, name: str, mine: Collected) -> None:
        data = self._members.read(name, MOST_BYTES)
        self._account(data)
        record = handed_over(data)
        candidates = self._made_over(name)
        over = candidates[0] if candidates else None
        self._chosen.update([over.name] if isinstance(over, Manifest) and over.bare else [])
        covered = self._recorded(over)
        objects = [one for each in covered if (one := self._object(each)) is not None]
        missing = [each for each in covered if each not in self._sizes]
        found = read_embedded(record.encoded, objects, missing=missing)
        dressed = self._dressed(found.object, name, over)
        if isinstance(over, Manifest) and dressed.failure is None:
            other = next((each.hash for each in over.named if each.hash != found.object.digest_algorithm), "")
            if other:
                told = {"manifest": other, "record": found.object.digest_algorithm}
                dressed = failed(dressed, (SubIndication.HASH_FAILURE, Finding("EVD-MANIFEST-ALGORITHM", over.name, told)))
        mine.record(replace(found, object=dressed))
        self._over[name] = covered

    def _object(self, name: str) -> DataObject | None:
        """A member as a record may cover it, made once for all records."""
        if name not in self._data and (opened := self._members.find(name)) is not None:
            self._data[name] = data_object(name, opened, self._work)
        return self._data.get(name)

    def _xades(self, name: str, mine: Collected) -> None:
        parts = Parts(frozenset(), frozenset(self._content_names))
        reads = read_part(
            self._members,
            name,
            mine,
            self._work,
            kind=Kind.ASIC,
            resolve=partial(_found, self._members),
            parts=parts,
            known=self._known,
        )
        mine.objects[:] = [self._of_xades(each, name) for each in mine.objects]
        self._over[name] = tuple(
            dict.fromkeys(member_named(file) for each in reads if each.covered for file in each.covered.files)
        )
        self._types[name] = [types_in_signature(each) for each in reads if each.object.role is Role.SIGNATURE]

    def _of_xades(self, read: SignedObject, name: str) -> SignedObject:
        wrong = self._wrong(None)
        if wrong is None and read.role is Role.SIGNATURE and read.failure is None:
            wrong = self._of_no_object(read.coverage.files)
        read = replace(read, name=f"{name} {read.name}".strip())
        return failed(read, wrong) if wrong is not None and read.integrity is not Integrity.BROKEN else read

    # -- what time-stamps and records prove ---------------------------------------------------------------------------------------

    def _widen(self, name: str, mine: Collected) -> None:
        """A time-stamp or record over the container proves the members it covers, and all that lies in those that are seals."""
        if not (mine.records or any(each.kind == "archive" for each in mine.stamps)) or XADES.match(name) or CADES.match(name):
            return
        covers: set[bytes] = set()
        for member in self._over.get(name, ()):
            if member in self._mine and member != name:
                covers.update(self._mine[member].file().digests())
            try:
                digest = self._digest(member, "sha256")
            except Refused:  # more is not looked at, and so not proved
                return
            covers.update((digest,) if digest else ())
        mine.stamps[:] = [replace(each, covers=each.covers | covers) for each in mine.stamps]
        mine.records[:] = [replace(each, covers=each.covers | covers) for each in mine.records]


def _found(members: ZipMembers, name: str) -> Callable[[], BinaryIO] | None:
    return members.find(member_named(name))
