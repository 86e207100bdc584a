"""Seal: turn an accepted deposit into one OCFL version whose state is a complete E-ARK AIP 2.2, without copying its content again.

Everything Kho generates is written into ``sealing/`` beside the spooled files; the last act is a rename to ``sealed/``. From then on
the bytes never change: every tier is given the same ones. The layout is normative: docs/on-disk.md.
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from fixity.digests import Hasher, LogicalPath
from fixity.manifest import Content, Entry, Manifest
from formats.inspection import InspectionReport
from formats.mets import (
    MetadataFile,
    MetsAgent,
    MetsFile,
    MetsHeader,
    RepresentationRef,
    write_representation_mets,
    write_root_mets,
)
from formats.package.source import Kind, Package
from formats.package.spool import Spool
from formats.premis import Event, PremisEntity, PremisFile, write_premis
from formats.report import FormatReport, KnownFormat
from repository.aip.enclosures import VERSION, Enclosures
from repository.aip.facts import original_name
from repository.aip.listing import CONTENTS, FileFacts, kept_files, write_list
from repository.aip.submission import SUBMISSION_PATH, DepositRecord, ItemRecord, write_submission
from storage.ocfl.inventory import Inventory
from storage.ocfl.inventory_writer import VersionBlock, write_inventory
from storage.tier import ContentPath, ObjectId, SealedFile, SealedVersion

__all__ = [
    "EVENTS_PATH",
    "EVENTS_PREFIX",
    "PREMIS_PATH",
    "REPRESENTATION_PREMIS",
    "SPOOLED",
    "Generator",
    "Previous",
    "Sealing",
    "load_sealed",
    "received",
    "said_event",
    "seal",
    "summary_of",
]

PREMIS_PATH = "metadata/preservation/premis.xml"
EVENTS_PREFIX = "metadata/preservation/events-v"
EVENTS_PATH = EVENTS_PREFIX + "{}.xml"
REPRESENTATION_PREMIS = "metadata/preservation/premis-kho.xml"

SPOOLED = "files/"
"""Where the spool keeps the bytes of what was deposited, below a deposit's folder."""

TOLD = 1_000
"""Files of a deposit up to which the list of its first version has what the catalog is told of them, which is in memory meanwhile."""

TOKEN_LENGTH = 12
"""Hexadecimal digits of the deposit id that stand in content paths, so that two writers of one version never meet in one key."""

LONGEST_SEGMENT = 200
"""Bytes of one name: file systems end at 255 (NAME_MAX), and some S3 stores keep the versions of a key in files of longer names."""

_STRANGE = frozenset('\\:*?"<>|')
"""Characters that some file systems take in no name."""

LONGEST_PATH = 860
"""Bytes of a content path: S3 keys end at 1,024, of which the storage root and its layout take 83 and a tier's prefix up to 60."""


@dataclass(frozen=True)
class Previous:
    """The version that a new one follows: its inventory, the inventory's digest, and what of its state is carried over as it is."""

    inventory: Inventory
    inventory_sha512: bytes
    carried: Iterable[Entry]
    created: datetime


@dataclass(frozen=True)
class Sealing:
    """All that a version says of itself besides its files."""

    aip_id: str
    number: int
    deposit: DepositRecord
    package: Package
    events: tuple[Event, ...]
    software: str
    software_version: str
    now: datetime
    previous: Previous | None = None
    metadata: Path | None = None
    schemas: Path | None = None
    reason: str = ""

    @property
    def token(self) -> str:
        return self.deposit.deposit_id.replace("-", "")[:TOKEN_LENGTH]

    @property
    def message(self) -> str:
        """What the OCFL inventory says of this version."""
        return self.reason or f"deposit {self.deposit.deposit_id}"

    @property
    def created(self) -> datetime:
        return self.previous.created if self.previous else self.now


def seal(sealing: Sealing, spool: Spool, folder: Path, *, generator: Callable[..., Generator] | None = None) -> None:
    """Make ``folder/sealed`` for an arranged and identified spool that lies in ``folder``. Raises OSError as it is."""
    work = folder / "sealing"
    if work.exists():
        shutil.rmtree(work)
    work.mkdir()
    manifest = Manifest(spool.database)
    spool.begin()
    manifest.clear()
    manifest.add(
        Entry(LogicalPath(s.stored), f"{SPOOLED}{s.file}", s.item.size, s.sha256, s.sha512)
        for s in spool.spooled(order="stored")
        if s.file
    )
    if sealing.previous:
        manifest.add(sealing.previous.carried)
    maker = (generator or Generator)(sealing, spool, manifest, work)
    maker.write_all()
    digest = _write_inventory(sealing, manifest, work / "inventory.json")
    told = maker.told() if spool.files <= TOLD and not sealing.previous else {}
    with _Hashing(work / CONTENTS, ["sha512"]) as listing:
        write_list(listing.write, manifest.contents(new_only=True), told)
    summary: dict[str, Any] = {
        "kho": 1,
        "aip": sealing.aip_id,
        "version": sealing.number,
        "inventory_sha512": digest.hex(),
        "created": sealing.now.isoformat(),
        "message": sealing.message,
        "builds_on": sealing.previous.inventory_sha512.hex() if sealing.previous else None,
        "bytes": spool.bytes,
        "contents_sha512": listing.hasher.digests()["sha512"].value.hex(),
    }
    if told:
        files, size = manifest.totals()
        events = list(map(_as_said, sealing.events))
        summary["told"] = {"files": files, "bytes": size, "submission": maker.submission, "events": events}
    (work / "sealed.json").write_text(json.dumps(summary), encoding="utf-8")
    spool.commit()
    os.rename(work, folder / "sealed")


def summary_of(folder: Path) -> dict[str, Any]:
    """What ``sealed.json`` says of the version sealed in ``folder``: kho, aip, version, inventory_sha512, builds_on, created, message,
    bytes, contents_sha512; told, where the list of its contents has what the catalog is told: files, bytes, the name in ``sealed`` of the
    submission record, and the events (`said_event`)."""
    summary: dict[str, Any] = json.loads((folder / "sealed" / "sealed.json").read_text(encoding="utf-8"))
    return summary


def _as_said(event: Event) -> dict[str, Any]:
    """The details in the order in which PREMIS gives them back: what a rebuild reads is to be the same."""
    said = {name: getattr(event, name) for name in Event.__slots__}
    return said | {"time": event.time.isoformat(), "detail": dict(sorted(event.detail.items()))}


def said_event(said: Mapping[str, Any]) -> Event:
    """An event as the summary of a sealed version says it."""
    return Event(**{**said, "time": datetime.fromisoformat(said["time"])})


def load_sealed(folder: Path, spool: Callable[[], Spool]) -> SealedVersion:
    """The sealed version in the folder of a deposit. ``spool`` opens its spool, which is done only where an older Kho sealed it, without
    a list of its contents: making a database ready costs as much as keeping some files."""
    summary = summary_of(folder)
    if "contents_sha512" not in summary:
        return _sealed_version(folder, summary, lambda: _in_database(folder, spool()), spool().bytes)
    digest = bytes.fromhex(summary["contents_sha512"])
    return _sealed_version(folder, summary, lambda: kept_files(folder, digest), summary["bytes"])


def _in_database(folder: Path, spool: Spool) -> Iterator[SealedFile]:
    for each in Manifest(spool.database).contents(new_only=True):
        source = os.path.join(folder, each.file)
        yield SealedFile(ContentPath(each.content_path), source, each.size, each.sha256, each.sha512)


def _sealed_version(
    folder: Path, summary: Mapping[str, Any], files: Callable[[], Iterator[SealedFile]], size: int
) -> SealedVersion:
    return SealedVersion(
        object_id=ObjectId(summary["aip"]),
        number=summary["version"],
        inventory=folder / "sealed" / "inventory.json",
        inventory_sha512=bytes.fromhex(summary["inventory_sha512"]),
        builds_on=bytes.fromhex(summary["builds_on"]) if summary["builds_on"] else None,
        files=files,
        bytes=size,
    )


def content_path(number: int, token: str, path: str, sha512: bytes) -> str:
    """Where new content is stored: under its logical path where any file system can hold that name, else under its digest."""
    place = f"v{number}/content/{token}/{path}"
    segments = path.split("/")
    plain = path.isprintable() and _STRANGE.isdisjoint(path)
    if plain and len(place.encode()) <= LONGEST_PATH and all(len(s.encode()) <= LONGEST_SEGMENT for s in segments):
        return place
    return f"v{number}/content/{token}/.by-digest/{sha512.hex()}"


def _write_inventory(sealing: Sealing, manifest: Manifest, target: Path) -> bytes:
    previous = sealing.previous
    if previous:
        fixity = previous.inventory.fixity("sha256")
        manifest.inherit(Content(sha512, fixity[path], path) for path, sha512 in previous.inventory.content_paths())
    manifest.place(lambda path, sha512: content_path(sealing.number, sealing.token, path, sha512))
    block = VersionBlock(
        number=sealing.number,
        created=sealing.now,
        message=sealing.message,
        user_name=sealing.deposit.producer or sealing.deposit.actor,
        user_address=f"urn:kho:deposit:{sealing.deposit.deposit_id}",
    )
    with _Hashing(target, ["sha512"]) as out:
        write_inventory(
            out,
            object_id=sealing.aip_id,
            previous=previous.inventory if previous else None,
            version=block,
            manifest=((c.sha512, c.content_path) for c in manifest.contents()),
            state=manifest.by_digest(),
            fixity_sha256=((c.sha256, c.content_path) for c in manifest.contents()),
        )
    return out.hasher.digests()["sha512"].value


def received(spool: Spool, file: str) -> tuple[bytes, int | None]:
    """(name, modification time) under which a spooled file was received; (b"", None) for what Kho made."""
    if not file.startswith(SPOOLED):
        return b"", None
    found = spool.of_file(file.removeprefix(SPOOLED))
    if found is None:
        raise KeyError(file)
    return found.name, found.modified


class _Hashing(io.BufferedWriter):
    """A file that hashes what is written through it."""

    def __init__(self, path: str | Path, algorithms: Iterable[str]) -> None:
        super().__init__(io.FileIO(path, "wb"), 1 << 16)
        self.hasher = Hasher(algorithms)

    def write(self, data: Any, /) -> int:
        self.hasher.update(data)
        return super().write(data)


class Generator:
    """Writes what Kho adds to the deposited files: the submission record, PREMIS, METS; each becomes an entry of the manifest."""

    def __init__(self, sealing: Sealing, spool: Spool, manifest: Manifest, work: Path) -> None:
        self._sealing = sealing
        self._spool = spool
        self._manifest = manifest
        self._work = work
        self._made = 0
        self._formats = FormatReport(spool.database)
        self._inspections = InspectionReport(spool.database)
        self._times: dict[str, datetime] = {}
        self.submission = ""
        """The name in ``sealed`` of the submission record, once it is written."""

    @property
    def _name(self) -> str:
        """The name in ``sealed`` of the file that is made now."""
        return f"g{self._made:04d}"

    @contextmanager
    def _file(self, path: str) -> Iterator[BinaryIO]:
        self._made += 1
        name = self._name
        with _Hashing(os.path.join(self._work, name), ["sha256", "sha512"]) as out:
            yield out
        digests = out.hasher.digests()
        entry = Entry(LogicalPath(path), f"sealed/{name}", out.hasher.size, digests["sha256"].value, digests["sha512"].value)
        self._manifest.add([entry])

    def _schemas(self) -> None:
        """Copy what the operator's schema folder holds, unless the submission brought a file of that name."""
        folder = self._sealing.schemas
        for file in sorted(folder.iterdir()) if folder else ():
            if file.is_file() and self._manifest.get(f"schemas/{file.name}") is None:
                with self._file(f"schemas/{file.name}") as out, file.open("rb") as given:
                    shutil.copyfileobj(given, out)

    def write_all(self) -> None:
        self._schemas()
        for path, content in Enclosures(self._spool):
            with self._file(path.replace(VERSION, str(self._sealing.number))) as out:
                out.write(content)
        beside = self._sealing.metadata
        if beside is not None:
            with self._file(f"metadata/descriptive/{beside.name}") as out, beside.open("rb") as given:
                shutil.copyfileobj(given, out)
        with self._file(SUBMISSION_PATH) as out:
            self.submission = self._name
            write_submission(out, self._sealing.deposit, self._items())
        representations = [self._representation(name) for name in self._representations()]
        with self._file(PREMIS_PATH) as out:
            write_premis(out, objects=self._root_objects(representations))
        with self._file(EVENTS_PATH.format(self._sealing.number)) as out:
            write_premis(out, objects=[PremisEntity(self._sealing.aip_id)], events=self._sealing.events)
        with self._file("METS.xml") as out:
            self._root_mets(out, representations)

    def told(self) -> dict[bytes, list[FileFacts]]:
        """By SHA-512, what the catalog is told of the files that have it."""
        told: dict[bytes, list[FileFacts]] = {}
        for entry in self._manifest.by_path():
            known, name = self._known(entry.file), original_name(received(self._spool, entry.file)[0], entry.path)
            facts = (known.puid, known.name, name, known.inside) if known else ("", "", name, "")
            told.setdefault(entry.sha512, []).append((entry.path, *facts))
        return told

    # -- the submission record ------------------------------------------------------------------------------------------

    def _items(self) -> Iterator[ItemRecord]:
        for _, group in groupby(self._spool.spooled(order="name"), key=lambda each: each.item.name):
            spooled, *others = group
            item = spooled.item
            if item.kind is Kind.FOLDER:
                yield ItemRecord(item.name, item.kind, modified=item.modified)
                continue
            known = self._known(f"{SPOOLED}{spooled.file}")
            yield ItemRecord(
                name=item.name,
                kind=item.kind,
                stored=(spooled.stored, *(other.stored for other in others)),
                size=item.size,
                sha256=spooled.sha256.hex(),
                modified=item.modified,
                puid=known.puid if known else "",
                format_name=known.name if known else "",
                inside=known.inside if known else "",
            )

    # -- representations ------------------------------------------------------------------------------------------------

    def _representations(self) -> list[str]:
        names: list[str] = []
        for entry in self._manifest.by_path("representations"):
            name = entry.path.split("/", 2)[1]
            if not names or names[-1] != name:
                names.append(name)
        return names

    def _representation(self, name: str) -> RepresentationRef:
        folder = f"representations/{name}"
        with self._file(f"{folder}/{REPRESENTATION_PREMIS}") as out:
            entity = PremisEntity(f"{self._sealing.aip_id}/{folder}", "representation", part_of=self._sealing.aip_id)
            write_premis(out, objects=self._objects(entity, self._manifest.by_path(folder)))
        with self._file(f"{folder}/METS.xml") as out:
            self._representation_mets(out, name, folder)
        entry = self._manifest.get(f"{folder}/METS.xml")
        assert entry is not None
        return RepresentationRef(name, self._mets_file(entry))

    def _representation_mets(self, out: BinaryIO, name: str, folder: str) -> None:
        write_representation_mets(
            out,
            self._header(name),
            name=name,
            files=self._files(f"{folder}/data", below=folder),
            descriptive=self._metadata(f"{folder}/metadata/descriptive", below=folder),
            preservation=self._metadata(f"{folder}/metadata/preservation", below=folder),
            other=self._metadata(f"{folder}/metadata/other", below=folder),
            documentation=self._files(f"{folder}/documentation", below=folder),
            schemas=self._files(f"{folder}/schemas", below=folder),
            empty_folders=self._empty_folders(folder),
        )

    # -- PREMIS ---------------------------------------------------------------------------------------------------------

    def _root_objects(self, representations: Iterable[RepresentationRef]) -> Iterator[PremisFile | PremisEntity]:
        entity = PremisEntity(self._sealing.aip_id, original_name=self._sealing.deposit.label)
        outside = (e for e in self._manifest.by_path() if not e.path.startswith("representations/"))
        yield from self._objects(entity, outside)
        for each in representations:
            entry = self._manifest.get(each.mets.path)
            assert entry is not None
            yield self._premis_file(entry)

    def _objects(self, entity: PremisEntity, entries: Iterable[Entry]) -> Iterator[PremisFile | PremisEntity]:
        yield entity
        for entry in entries:
            yield self._premis_file(entry)

    def _premis_file(self, entry: Entry) -> PremisFile:
        known = self._known(entry.file)
        name, modified = received(self._spool, entry.file)
        derived_from, application = self._derivation(entry)
        return PremisFile(
            path=entry.path,
            size=entry.size,
            sha256=entry.sha256,
            sha512=entry.sha512,
            puid=known.puid if known else "",
            format_name=known.name if known else "",
            format_version=known.version if known else "",
            format_notes=known.notes if known else (),
            original_name=os.fsdecode(name),
            modified=None if modified is None else datetime.fromtimestamp(modified, UTC),
            application=application,
            derived_from=derived_from,
            technical=self._inspections.get(entry.file.removeprefix(SPOOLED)) if entry.file.startswith(SPOOLED) else (),
        )

    def _derivation(self, entry: Entry) -> tuple[str, str]:
        """(logical path of the file that this one was made from, the tool that did); a deposit has none."""
        return "", ""

    def _known(self, file: str) -> KnownFormat | None:
        return self._formats.get(file.removeprefix(SPOOLED)) if file.startswith(SPOOLED) else None

    def _empty_folders(self, folder: str) -> Iterator[str]:
        """Logical paths, from ``folder`` on, of the received folders in it that hold nothing."""
        if self._spool.count == self._spool.files:
            return
        rows = self._spool.database.execute(
            "SELECT stored FROM item i WHERE kind = 'folder' AND stored > ? AND stored < ? AND NOT EXISTS (SELECT 1 FROM item c"
            " WHERE c.name > CAST(i.name || x'2f' AS BLOB) AND c.name < CAST(i.name || x'30' AS BLOB)) ORDER BY stored",
            (f"{folder}/", f"{folder}0"),
        )
        for (stored,) in rows:
            yield stored.removeprefix(f"{folder}/")

    # -- METS -----------------------------------------------------------------------------------------------------------

    def _header(self, objid: str, label: str = "") -> MetsHeader:
        sealing = self._sealing
        producer = sealing.deposit.producer
        agents = (MetsAgent("CREATOR", "ORGANIZATION", producer),) if producer else ()
        return MetsHeader(
            objid=objid,
            created=sealing.created,
            software=sealing.software,
            software_version=sealing.software_version,
            modified=sealing.now if sealing.previous else None,
            label=label,
            category=sealing.package.content_category or "Mixed",
            agents=agents,
        )

    def _root_mets(self, out: BinaryIO, representations: list[RepresentationRef]) -> None:
        write_root_mets(
            out,
            self._header(self._sealing.aip_id, self._sealing.deposit.title),
            descriptive=self._metadata("metadata/descriptive"),
            preservation=self._metadata("metadata/preservation"),
            other=self._metadata("metadata/other"),
            representations=representations,
            documentation=self._files("documentation"),
            schemas=self._files("schemas"),
            submission=self._files("submission"),
        )

    def _files(self, folder: str, *, below: str = "") -> Iterator[MetsFile]:
        for entry in self._manifest.by_path(folder):
            yield self._mets_file(entry, below)

    def _metadata(self, folder: str, *, below: str = "") -> Iterator[MetadataFile]:
        kinds = dict(self._sealing.package.descriptive)
        for entry in self._manifest.by_path(folder):
            kind = kinds.get(entry.path, "other")
            type_ = (
                "PREMIS" if entry.path.endswith(".xml") and "/preservation/" in entry.path else _MDTYPES.get(kind, kind.upper())
            )
            yield MetadataFile(self._mets_file(entry, below), type_)

    def _mets_file(self, entry: Entry, below: str = "") -> MetsFile:
        known = self._known(entry.file)
        mime = (known.mime if known else "") or mimetypes.guess_type(entry.path)[0] or "application/octet-stream"
        path = entry.path.removeprefix(below + "/") if below else entry.path
        return MetsFile(path, entry.size, entry.sha256, mime, self._sealing.now)


_MDTYPES = {"dc": "DC", "ead": "EAD", "mods": "MODS", "csv": "CSV", "vn": "TT05"}
"""Kinds of descriptive metadata (`formats.package.source.Package`) → MDTYPE of METS."""
