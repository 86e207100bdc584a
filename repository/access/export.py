"""Access: hand an AIP version out again, every byte verified on the way, in the form that was asked for.

``submission`` gives back exactly what was deposited; ``folder``, ``bagit`` and ``zip`` give the E-ARK AIP, with the events that the
ledger gained since (audits, repairs) merged into its PREMIS.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from fixity.errors import CouldNotRead
from formats.package.bagit import BagWriter
from formats.package.source import Kind
from formats.package.zipping import write_zip
from policies.findings import said
from policies.phrases import os_phrase, phrase
from repository.access.dissemination import merged_metadata
from repository.access.sightings import Sightings, blocks
from repository.access.vouched import Wanted, vouched
from repository.aip.submission import SUBMISSION_PATH, read_submission
from repository.archive import SOFTWARE, Archive, software_version
from repository.errors import ExportFailed, NoGoodCopy, NotForZip, NotReached, UnknownVersion
from repository.ledger.events import ledger_of
from repository.model import Aip
from repository.progress import Progress
from storage.errors import StorageError
from storage.tier import Tier

__all__ = ["FORMS", "ExportReport", "export", "outside"]

FORMS = ("submission", "folder", "bagit", "zip")


@dataclass(slots=True)
class ExportReport:
    """What was handed out: files and bytes, and copies that were passed over because they did not verify."""

    target: str
    form: str
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


class Reader:
    """Verified reading of one AIP version from whichever copy is good."""

    def __init__(self, archive: Archive, want: Wanted, version: int, report: ExportReport, sightings: Sightings) -> None:
        self._archive = archive
        self._want = want
        self._report = report
        self._sightings = sightings
        self.version = version
        self.state: dict[str, bytes] = dict(want.inventory.state(version))

    def copy(self, path: str, target: str | bytes, *, counted: bool = True) -> None:
        """Write one file of the state to a new file; ``counted`` in the report unless it is no part of what is handed out.

        Raises:
            NoGoodCopy: no copy gave the bytes that the inventory vouches for.
        """
        for tier in self._archive.tiers.values():
            with open(target, "xb") as out:
                if self._taken(tier, path, out):
                    if counted:
                        self.written(out.tell())
                    return
            os.unlink(target)
        raise self._none_good(path)

    def written(self, size: int) -> None:
        """Count one file that is handed out, of ``size`` bytes."""
        self._report.files += 1
        self._report.bytes += size

    def read(self, path: str) -> bytes:
        """A small file of the state, verified. Raises like `copy`."""
        for tier in self._archive.tiers.values():
            out = io.BytesIO()
            if self._taken(tier, path, out):
                return out.getvalue()
        raise self._none_good(path)

    def _taken(self, tier: Tier, path: str, out: BinaryIO) -> bool:
        """Whether the tier gave the right bytes; what it gave is written in any case. Raises OSError of ``out`` alone."""
        content, expected = self._want.inventory.content_of(path, self.version), self.state[path]
        digest = hashlib.sha512()
        try:
            with tier.open(self._want.object_id, content) as stream:
                for block in blocks(stream, path):
                    digest.update(block)
                    out.write(block)
        except (StorageError, CouldNotRead) as error:
            self._sightings.failed(tier.name, content, expected, error)
            self._report.problems.append(f"{tier.name}: {said(error.finding)}")
            return False
        if digest.digest() == expected:
            return True
        self._sightings.altered(tier.name, content, expected, digest.digest())
        self._report.problems.append(f"{tier.name}: {path}")
        return False

    def _none_good(self, path: str) -> NoGoodCopy:
        error = NotReached if self._sightings.away.keys() >= self._archive.tiers.keys() else NoGoodCopy
        return error(path, self._want.object_id, "; ".join(self._report.problems[-len(self._archive.tiers) :]))


def export(archive: Archive, aip_id: str, target: Path, *, form: str, version: int | None, progress: Progress) -> ExportReport:
    """Hand out one AIP version at ``target``, which must not exist (or be an empty folder).

    Everything is built beside the target and renamed at the end, so that a broken export never looks whole.

    Raises:
        UnknownAip, UnknownVersion: no such AIP, or no such version of it.
        ExportFailed: the target is taken, lies in the archive itself, or cannot be written.
        NotForZip: some name cannot stand in a zip.
        NoGoodCopy: no copy holds some file unaltered. NotReached: nobody could be asked.
    """
    aip = archive.catalog.holdings.get(aip_id)
    held = {copy.tier for copy in aip.copies}
    # Tiers on which nothing is promised of it are asked last: that it is not there is no finding.
    archive = replace(archive, tiers=dict(sorted(archive.tiers.items(), key=lambda each: each[0] not in held)))
    sightings = Sightings(archive, aip_id, "dissemination")
    with sightings.entered():
        return _export(archive, aip, target, form=form, version=version, progress=progress, sightings=sightings)


def _export(
    archive: Archive, aip: Aip, target: Path, *, form: str, version: int | None, progress: Progress, sightings: Sightings
) -> ExportReport:
    aip_id = aip.id
    want = vouched(archive, aip_id, sightings)
    number = version or aip.version
    if not 1 <= number <= want.head:
        raise UnknownVersion(aip_id, number, want.head)
    outside(archive, target)
    if target.exists() and not (form != "zip" and target.is_dir() and not any(target.iterdir())):
        raise ExportFailed(str(target), phrase("target-taken"))
    report = ExportReport(str(target), form)
    work = target.absolute().parent / f".{target.name}.{uuid.uuid4().hex[:8]}.partial"
    try:
        reader = Reader(archive, want, number, report, sightings)
        progress.start("export", len(reader.state), "files")
        _WRITERS[form](archive, reader, aip_id, work, progress)
        if target.is_dir():
            target.rmdir()
        os.rename(work, target)
    except OSError as error:
        raise ExportFailed(str(target), os_phrase(error)) from error
    finally:
        progress.finish()
        if work.is_dir():
            shutil.rmtree(work)
        elif work.exists():
            work.unlink()
    ledger_of(archive).exported(aip_id, number, form, report.files, report.bytes)
    return report


def outside(archive: Archive, target: Path) -> None:
    """What is handed out does not belong among what is kept: an audit would find it, and a tier is no place to work in. Raises
    `ExportFailed`."""
    real = os.path.realpath(target)
    for folder, tier in archive.settings.folders:
        place = os.path.realpath(folder)
        if os.path.commonpath([real, place]) == place:
            shown = str(folder)
            reason = phrase("target-in-tier", tier=tier, folder=shown) if tier else phrase("target-in-home", folder=shown)
            raise ExportFailed(str(target), reason)


def _submission(archive: Archive, reader: Reader, aip_id: str, work: Path, progress: Progress) -> None:
    record_file = work.with_name(work.name + ".record")
    work.mkdir()
    root = os.fsencode(work)
    reader.copy(SUBMISSION_PATH, str(record_file), counted=False)
    try:
        with open(record_file, "rb") as stream:
            deposit, items = read_submission(stream)
            if deposit.top:
                root = os.path.join(root, deposit.top)
                os.mkdir(root)
            folders: list[tuple[bytes, int]] = []
            for item in items:
                place = os.path.join(root, item.name)
                if item.kind is Kind.FOLDER:
                    os.makedirs(place, exist_ok=True)
                    if item.modified is not None:
                        folders.append((place, item.modified))
                    continue
                os.makedirs(os.path.dirname(place), exist_ok=True)
                reader.copy(item.stored[0], place)
                if item.modified is not None:
                    os.utime(place, (item.modified, item.modified))
                progress.advance(1)
            for place, modified in reversed(folders):
                os.utime(place, (modified, modified))
            if deposit.top and deposit.top_modified is not None:
                os.utime(root, (deposit.top_modified, deposit.top_modified))
    finally:
        record_file.unlink(missing_ok=True)


def _folder(archive: Archive, reader: Reader, aip_id: str, work: Path, progress: Progress) -> None:
    work.mkdir()
    merged = merged_metadata(archive, reader.read, aip_id)
    for path in reader.state:
        place = work / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if path in merged:
            place.write_bytes(merged[path])
            reader.written(len(merged[path]))
        else:
            reader.copy(path, str(place))
        progress.advance(1)


def _bagit(archive: Archive, reader: Reader, aip_id: str, work: Path, progress: Progress) -> None:
    staged = work.with_name(work.name + ".aip")
    try:
        _folder(archive, reader, aip_id, staged, progress)
        info = {
            "External-Identifier": [aip_id],
            "Bagging-Date": [archive.clock.now().date().isoformat()],
            "Bag-Software-Agent": [f"{SOFTWARE} {software_version()}"],
        }
        BagWriter(work, info=info).add_tree(staged)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _zip(archive: Archive, reader: Reader, aip_id: str, work: Path, progress: Progress) -> None:
    for path in reader.state:
        if "\\" in path:  # to some readers of zip files it parts folders: the file would come out as another, or not at all
            raise NotForZip(path)
    staged = work.with_name(work.name + ".aip")
    try:
        _folder(archive, reader, aip_id, staged, progress)
        write_zip(work, staged, top=aip_id.rpartition(":")[2])
    finally:
        shutil.rmtree(staged, ignore_errors=True)


_WRITERS = {"submission": _submission, "folder": _folder, "bagit": _bagit, "zip": _zip}
