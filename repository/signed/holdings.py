"""The signatures of a kept AIP: its signed files are taken out verified, and judged with the data and the evidence kept for them."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from repository.aip.stored import open_verified
from repository.archive import Archive
from repository.errors import SourceMissing
from repository.model import AipFile
from repository.progress import Progress
from repository.signed.files import opened, validate_file
from repository.signed.received import Received, in_order
from repository.signed.records import DATA, REPORTS, FileReport, parse_report
from signatures.detect import covered_names, named_beside
from storage.tier import ObjectId

if TYPE_CHECKING:
    from signatures.judgement import Context, ValidationData
    from signatures.poe import Proof

__all__ = [
    "Others",
    "Prove",
    "Received",
    "covered_path",
    "data_of",
    "in_order",
    "kept_reports",
    "signed_files",
    "taken",
    "validate_aip",
]

REPORT = re.compile(rf"{re.escape(REPORTS)}/([0-9a-f]{{64}})\.v([0-9]{{1,9}})\.json")

Prove = Callable[[AipFile], "Proof | None"]
"""Since when a file of the AIP is proven to exist, by evidence that was verified; None: nothing proves it."""


def kept_reports(archive: Archive, aip_id: str) -> Iterator[dict[str, Any]]:
    """The newest stored report of every signed file of an AIP. Raises `AipUnreadable`."""
    newest: dict[str, tuple[int, AipFile]] = {}
    for file in archive.catalog.holdings.files(aip_id):
        match = REPORT.fullmatch(file.path)
        if match and newest.get(match[1], (0, file))[0] < int(match[2]):
            newest[match[1]] = int(match[2]), file
    for _, file in newest.values():
        yield parse_report(_bytes(archive, aip_id, file), file.path)


def validate_aip(
    archive: Archive, aip_id: str, context: Context, progress: Progress, *, prove: Prove = lambda _: None
) -> list[FileReport]:
    """One report a signed file, by path. Which files are signed, the reports of their examination say.

    Raises `UnknownAip`; `AipUnreadable`: a file could not be read from any tier; `SourceMissing`: a report speaks of none that is there.
    """
    archive.catalog.holdings.get(aip_id)
    reports = list(kept_reports(archive, aip_id))
    known = {str(report["path"]) for report in reports}
    files = signed_files(archive, aip_id, known)
    data = [data for _, data in data_of(archive, aip_id, prove)]
    received = Received()
    found: list[FileReport] = []
    progress.start("signatures", len(known), "files")
    with tempfile.TemporaryDirectory(prefix="kho-signatures-") as work:
        for path in in_order(reports):
            found.append(_validated(archive, aip_id, files, path, Path(work), context, data, received.with_ours(prove)))
            received.take(found[-1])
            progress.advance(1)
    progress.finish()
    return sorted(found, key=lambda each: each.path)


def signed_files(archive: Archive, aip_id: str, known: set[str]) -> dict[str, AipFile]:
    """The signed files, and those that detached signatures may cover: not all of an AIP that may have a million."""
    wanted = known | {covered_path(path) for path in known}
    return {file.path: file for file in archive.catalog.holdings.files(aip_id) if file.path in wanted}


def covered_path(path: str) -> str:
    return next((name.decode() for name in covered_names(path.encode())), "")


def _validated(
    archive: Archive,
    aip_id: str,
    files: Mapping[str, AipFile],
    path: str,
    work: Path,
    context: Context,
    data: Sequence[ValidationData],
    prove: Prove,
) -> FileReport:
    if path not in files:
        raise SourceMissing(path)
    signed = taken(archive, aip_id, files[path], work / "signed")
    content = None
    if covered_path(path) in files:
        content = taken(archive, aip_id, files[covered_path(path)], work / Path(covered_path(path)).name)
    others = Others(archive, aip_id, path, work)
    return validate_file(signed, context, name=path, content=content, others=others, beside=data, existed=prove(files[path]))


@dataclass(frozen=True)
class Others:
    """The other files of an AIP, as the signatures of the file at ``path`` ask for them; each is taken out when it is opened."""

    archive: Archive
    aip_id: str
    path: str
    work: Path

    def named(self, wanted: str) -> Callable[[], BinaryIO] | None:
        """By the name that a signature gives it, in its own folder."""
        name = named_beside(self.path.encode(), wanted)
        file = self.archive.catalog.holdings.file(self.aip_id, name.decode()) if name else None
        return partial(self._opened, file) if file is not None else None

    def holding(self, algorithm: str, digests: Collection[bytes]) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        """By what they hold, wherever they lie."""
        for file in self.archive.catalog.holdings.holding(self.aip_id, algorithm, digests):
            yield file.path, partial(self._opened, file)

    def _opened(self, file: AipFile) -> BinaryIO:
        target = self.work / f"named-{file.sha512}"
        return opened(target if target.exists() else taken(self.archive, self.aip_id, file, target))


def taken(archive: Archive, aip_id: str, file: AipFile, target: Path) -> Path:
    """A verified copy in the working folder: the readers of signatures want to map what they read."""
    tiers = list(archive.tiers.values())
    stream, _ = open_verified(tiers, ObjectId(aip_id), file.content_path, bytes.fromhex(file.sha512))
    with stream, target.open("wb") as out:
        shutil.copyfileobj(stream, out)
    return target


def _bytes(archive: Archive, aip_id: str, file: AipFile) -> bytes:
    stream, _ = open_verified(list(archive.tiers.values()), ObjectId(aip_id), file.content_path, bytes.fromhex(file.sha512))
    with stream:
        return stream.read()


def data_of(archive: Archive, aip_id: str, prove: Prove = lambda _: None) -> Iterator[tuple[str, ValidationData]]:
    """(logical path, content) of the validation data that an AIP keeps, each piece with its own proof."""
    from signatures.validation_data import read_kept

    for file in archive.catalog.holdings.files(aip_id):
        if file.path.startswith(f"{DATA}/"):
            data = read_kept([(file.path, _bytes(archive, aip_id, file))])
            yield file.path, replace(data, existed=prove(file))
