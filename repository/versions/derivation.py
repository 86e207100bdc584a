"""Derivation: the next version of an AIP, made from the newest one without its bytes being copied again.

Everything of the newest version is carried over as it is; a representation is added (a migration), or taken away again (a rollback), or
some of its files are said to be of another format (`Carried.rename`). Nothing that was ever stored is lost by that: the versions before
stay whole.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, BinaryIO, Final

from fixity.manifest import Entry
from formats.hrefs import decode_href
from formats.identify import Identification
from formats.inside import notes_again
from formats.mets import EMPTY_FOLDER, MetsFile, RepresentationRef
from formats.mets_reader import Attributes, Division, File, MetadataSection, Root, read_mets
from formats.package.source import Package, Role
from formats.package.spool import Spool
from formats.premis import UNKNOWN_FORMAT, Event, PremisEntity, PremisFile, read_premis
from formats.report import FormatReport
from policies.phrases import phrase
from repository.access.sightings import Sightings
from repository.access.vouched import vouched
from repository.aip.carried import Carried, CarriedRow, Told
from repository.aip.sealing import PREMIS_PATH, REPRESENTATION_PREMIS, SPOOLED, Generator, Previous, Sealing, seal
from repository.aip.stored import open_verified
from repository.aip.submission import SUBMISSION_PATH, DepositRecord, ItemRecord, read_submission
from repository.archive import SOFTWARE, Archive, software_version
from repository.errors import AipUnreadable, Overtaken
from repository.model import Aip, Deposit
from storage.tier import ObjectId

__all__ = ["Derivation", "add_result"]

_KINDS: Final = {"DC": "dc", "EAD": "ead", "MODS": "mods", "CSV": "csv", "TT05": "vn"}
"""MDTYPE of METS → kinds of descriptive metadata (the other way round than `repository.aip.sealing`)."""


def add_result(
    spool: Spool, stored: str, stream: BinaryIO, *, source: str, tool: str, known: Identification, told: Told = ()
) -> None:
    """Put what a migration made into the spool of the version that is to hold it, as the file ``stored``; PREMIS says of it what is
    ``told``. Doing it again is fine."""
    name = os.fsencode(stored.split("/", 1)[1])
    found = spool.find(name)
    if found is None:
        found = spool.add_file(name, stream)
        spool.arrange([(name, stored, Role.CONTENT)])
    FormatReport(spool.database).add([(found.file, known)])
    Carried(spool.database).derive(stored, source, tool, told)
    spool.commit()


@dataclass(frozen=True)
class Derivation:
    """The next version of ``aip``, in the making by ``deposit``. ``drop`` are representations that it is not to have."""

    archive: Archive
    aip: Aip
    deposit: Deposit
    reason: str
    drop: Collection[str] = field(default_factory=frozenset)

    def seal(self, spool: Spool, events: Iterable[Event], *, now: datetime) -> DepositRecord:
        """Seal the version in the deposit's spool; returns what its submission record says of the deposit.

        Raises:
            AipUnreadable: no tier gives the newest version's own records. NoGoodCopy, NotReached: nor an inventory of it.
            Overtaken: ``aip`` is not the newest version any more.
            OSError: the disk of the spool does not take it.
        """
        carried = Carried(spool.database)
        anew = carried.renamed_below()
        carried.fill(self._kept(anew))
        package = self._package(carried, anew)
        carried.apply_renamed()
        spool.commit()
        with self.open(SUBMISSION_PATH) as stream:
            before, _ = read_submission(stream)
        record = replace(
            before,
            deposit_id=self.deposit.id,
            key=self.deposit.key,
            received=self.deposit.created.isoformat(),
            actor=self.deposit.actor,
            source=self.deposit.source,
            finding_counts=dict(self.deposit.finding_counts),
            findings=tuple({"code": f.code, "path": f.path, "args": dict(f.args)} for f in self.deposit.findings),
            waived_by="",
        )
        sealing = Sealing(
            aip_id=self.aip.id,
            number=self.aip.version + 1,
            deposit=record,
            package=replace(package, title=record.title, format=record.package),
            events=tuple(events),
            software=SOFTWARE,
            software_version=software_version(),
            now=now,
            previous=self._previous(carried),
            reason=self.reason,
        )
        seal(sealing, spool, spool.folder, generator=functools.partial(_Derived, derivation=self))
        return record

    def open(self, path: str) -> BinaryIO:
        """A file of the newest version, verified. Raises `AipUnreadable`."""
        known = self.archive.catalog.holdings.file(self.aip.id, path, version=self.aip.version)
        if known is None:
            raise AipUnreadable(path, phrase("no-such-file"))
        tiers = list(self.archive.tiers.values())
        return open_verified(tiers, ObjectId(self.aip.id), known.content_path, bytes.fromhex(known.sha512))[0]

    def _package(self, carried: Carried, anew: Collection[str]) -> Package:
        """What METS files of the newest version say of the package: the root's, and those that are written ``anew``. Media types are
        remembered beside what is carried over."""
        category, descriptive = "", list[tuple[str, str]]()
        for below in ("", *(f"representations/{name}/" for name in anew)):
            with self.open(f"{below}METS.xml") as stream:
                for part in read_mets(stream):
                    if isinstance(part, Root) and not below:
                        category = _category(part.attributes)
                    elif isinstance(part, MetadataSection | File) and (reference := _reference(part)) is not None:
                        path = below + decode_href(reference.get("xlink:href", ""))
                        carried.media_type(
                            path, (reference if isinstance(part, MetadataSection) else part.attributes).get("MIMETYPE", "")
                        )
                        if isinstance(part, MetadataSection) and part.tag == "dmdSec":
                            type_ = reference.get("MDTYPE", "")
                            descriptive.append((path, _KINDS.get(type_, type_.lower())))
        return Package("", content_category=category, descriptive=tuple(descriptive))

    def _kept(self, anew: Collection[str]) -> Iterator[CarriedRow]:
        """What of the newest version is carried over: all but what Kho writes anew (of the representations that are named, too), and
        what is dropped."""
        written = {"METS.xml", PREMIS_PATH, SUBMISSION_PATH}
        written.update(f"representations/{name}/{file}" for name in anew for file in ("METS.xml", REPRESENTATION_PREMIS))
        for each in self.archive.catalog.holdings.files(self.aip.id, version=self.aip.version):
            top, _, rest = each.path.partition("/")
            if each.path in written:
                continue
            if top == "representations" and rest.partition("/")[0] in self.drop:
                continue
            digests = bytes.fromhex(each.sha256), bytes.fromhex(each.sha512)
            yield (each.path, each.size, *digests, each.puid, each.format_name, each.original_name, each.inside)

    def _previous(self, carried: Carried) -> Previous:
        want = vouched(self.archive, self.aip.id, Sightings(self.archive, self.aip.id, "migration"))
        if want.head != self.aip.version:
            raise Overtaken(self.aip.id)
        return Previous(want.inventory, want.inventories[want.head], carried.entries(), self.aip.created)


def _category(root: Attributes) -> str:
    type_ = root.get("TYPE", "")
    return (root.get("csip:OTHERTYPE") or type_) if type_ == "Other" else type_


def _reference(part: MetadataSection | File) -> Attributes | None:
    """What says where a file lies: the mdRef, or the first FLocat."""
    if isinstance(part, File):
        return part.locations[0] if part.locations else None
    return part.reference


class _Derived(Generator):
    """Writes what is new in a derived version; what is carried over keeps the words that were written of it."""

    def __init__(self, *made: Any, derivation: Derivation) -> None:
        super().__init__(*made)
        self._derivation_of = derivation
        self._carried = Carried(self._spool.database)
        self._anew = self._carried.renamed_below()

    def _schemas(self) -> None:
        """They came with the versions before."""

    def _items(self) -> Iterator[ItemRecord]:
        with self._derivation_of.open(SUBMISSION_PATH) as stream:
            for item in read_submission(stream)[1]:
                known = next(filter(None, map(self._carried.renamed, item.stored)), None)
                yield item if known is None else replace(item, puid=known.puid, format_name=known.name, inside=known.inside)

    def _representation(self, name: str) -> RepresentationRef:
        entry = self._manifest.get(f"representations/{name}/METS.xml")
        return super()._representation(name) if entry is None else RepresentationRef(name, self._mets_file(entry))

    def _objects(self, entity: PremisEntity, entries: Iterable[Entry]) -> Iterator[PremisFile | PremisEntity]:
        """Of a representation that holds files of another format: as it was told before, but for what they are."""
        _, _, name = entity.id.rpartition("/")
        if name not in self._anew:
            yield from super()._objects(entity, entries)
            return
        with self._derivation_of.open(f"representations/{name}/{REPRESENTATION_PREMIS}") as stream:
            for each in read_premis(stream):
                if isinstance(each, PremisFile):
                    yield self._renamed(each)
                elif isinstance(each, PremisEntity):
                    yield each

    def _renamed(self, each: PremisFile) -> PremisFile:
        known = self._carried.renamed(each.path)
        if known is None:
            return each
        before = f"identified before as {each.puid or UNKNOWN_FORMAT} by {each.format_notes[0] if each.format_notes else '-'}"
        told = notes_again(each.format_notes, known.notes) if known.inside else known.notes
        notes = (*told, before)
        return replace(each, puid=known.puid, format_name=known.name, format_version=known.version, format_notes=notes)

    def _empty_folders(self, folder: str) -> Iterator[str]:
        if folder.rpartition("/")[2] not in self._anew:
            yield from super()._empty_folders(folder)
            return
        with self._derivation_of.open(f"{folder}/METS.xml") as stream:
            for part in read_mets(stream):
                if isinstance(part, Division) and part.attributes.get("TYPE") == EMPTY_FOLDER:
                    yield decode_href(part.attributes.get("LABEL", ""))

    def _root_objects(self, representations: Iterable[RepresentationRef]) -> Iterator[PremisFile | PremisEntity]:
        """Those of the version before that are still there as they were; then those that nobody spoke of yet."""
        with self._derivation_of.open(PREMIS_PATH) as stream:
            for each in read_premis(stream):
                if isinstance(each, PremisEntity):
                    yield each
                elif isinstance(each, PremisFile):
                    entry = self._manifest.get(each.path)
                    if entry is not None and entry.sha512 == each.sha512:
                        self._carried.spoken_of(each.path)
                        yield each
        outside = (e for e in self._manifest.by_path() if not e.path.startswith("representations/"))
        mets = (self._manifest.get(each.mets.path) for each in representations)
        for entry in (*self._unspoken(outside), *self._unspoken(e for e in mets if e is not None)):
            yield self._premis_file(entry)

    def _unspoken(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        return (entry for entry in entries if not self._carried.was_spoken_of(entry.path))

    def _premis_file(self, entry: Entry) -> PremisFile:
        written = super()._premis_file(entry)
        if entry.file.startswith(SPOOLED):
            told = (*written.technical, *self._carried.told(entry.path))
            return replace(written, original_name="", modified=None, technical=told)
        known = self._carried.get(entry.path)
        return written if known is None else replace(written, puid=known.puid, format_name=known.name)

    def _derivation(self, entry: Entry) -> tuple[str, str]:
        return self._carried.derivation(entry.path)

    def _mets_file(self, entry: Entry, below: str = "") -> MetsFile:
        written = super()._mets_file(entry, below)
        known = self._carried.get(entry.path)
        return replace(written, mime=known.mime) if known is not None and known.mime else written
