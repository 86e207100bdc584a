"""Reading: one file of an AIP handed out at once, its bytes held against their digest on the way.

A small file is read and verified whole before anything is given, from one tier after the other until one is right. A large one is
verified while it is given: whoever asked must not believe it before the end came well (`Unverified` breaks it off otherwise).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Final

from fixity.errors import CouldNotRead
from policies.phrases import phrase
from repository.access.sightings import Sightings, blocks
from repository.archive import Archive
from repository.errors import NoGoodCopy, RepositoryError
from repository.model import AipFile, CopyState, Event, Page
from repository.recalls import handing_out
from storage.errors import StorageError
from storage.tier import ObjectId

if TYPE_CHECKING:
    from repository.jobs import Jobs

__all__ = ["SMALL", "FileMissing", "NoGoodCopy", "OpenFile", "Reading", "Unverified"]

SMALL: Final = 8 << 20
"""Bytes up to which a file is verified before its first byte leaves: a document, held in memory once a request."""

_log = logging.getLogger("kho.reading")

_ORDER: Final = {CopyState.GOOD: 0, CopyState.UNKNOWN: 1, CopyState.WRITTEN: 1, CopyState.UNREADABLE: 2, CopyState.DAMAGED: 3}
"""Which copies are asked first."""


class FileMissing(RepositoryError):
    """No such file in this version."""

    def __init__(self, path: str, aip_id: str) -> None:
        super().__init__("AIP-NO-FILE", path, aip=aip_id)


class Unverified(RepositoryError):
    """What was handed out so far is not what was deposited: throw it away."""

    def __init__(self, path: str, aip_id: str, tier: str) -> None:
        super().__init__("AIP-READ-BROKEN-OFF", path, aip=aip_id, tier=tier)


@dataclass(frozen=True)
class OpenFile:
    """One file to hand out. ``whole`` has its verified bytes when it is small; else read it with `chunks`."""

    aip_id: str
    file: AipFile
    tier: str
    reading: Reading
    whole: bytes | None = None
    stream: BinaryIO | None = None

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end`` (the end of the file when None).

        Raises (while iterating):
            Unverified: a whole file did not match its digest (its last chunk is held back), or ended early.
        """
        stop = self.file.size if end is None else end
        if self.whole is not None:
            yield self.whole[start:stop]
            return
        assert self.stream is not None
        with self.stream as stream:
            yield from self._verified(stream) if (start, stop) == (0, self.file.size) else self._part(stream, start, stop)

    def _verified(self, stream: BinaryIO) -> Iterator[bytes]:
        digest, size, held = hashlib.sha512(), 0, b""
        for chunk in self._blocks(stream):
            digest.update(chunk)
            size += len(chunk)
            if held:
                yield held
            held = chunk
        if size != self.file.size or digest.hexdigest() != self.file.sha512:
            raise self._bad(digest.digest())
        yield held

    def _part(self, stream: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
        stream.seek(start)
        left = stop - start
        for chunk in self._blocks(stream):
            yield chunk[:left]
            left -= min(left, len(chunk))
            if not left:
                return
        raise self._bad(b"")

    def _blocks(self, stream: BinaryIO) -> Iterator[bytes]:
        try:
            yield from blocks(stream, self.file.content_path)
        except CouldNotRead as error:
            raise self._bad(error) from error

    def _bad(self, seen: bytes | CouldNotRead) -> Unverified:
        """Enter what was seen: another digest (b"" when only a part was read, and ended early), or no bytes at all."""
        sightings, expected = self.reading.sightings(self.aip_id), bytes.fromhex(self.file.sha512)
        if isinstance(seen, CouldNotRead):
            sightings.failed(self.tier, self.file.content_path, expected, seen)
        else:
            sightings.altered(self.tier, self.file.content_path, expected, seen)
        sightings.enter()
        return Unverified(self.file.path, self.aip_id, self.tier)


class Reading:
    """Pages of what is kept, and single files."""

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs] | None = None) -> None:
        self._archive = archive
        self._jobs = jobs

    def sightings(self, aip_id: str) -> Sightings:
        """Where to tell what was seen of an AIP's copies. Who asked for a file is not known here, so no event names anybody."""
        return Sightings(replace(self._archive, actor=""), aip_id, "dissemination")

    def files(self, aip_id: str, *, version: int | None, cursor: str | None, limit: int) -> Page[AipFile]:
        """The files of a version's state, by path. Raises `UnknownAip`, `BadCursor`."""
        return self._archive.catalog.holdings.files_page(aip_id, version=version, cursor=cursor, limit=limit)

    def events(self, aip_id: str, *, cursor: str | None, limit: int) -> Page[Event]:
        """What happened to an AIP, oldest first. Raises `UnknownAip`, `BadCursor`."""
        self._archive.catalog.holdings.get(aip_id)
        return self._archive.catalog.events.list(aip_id=aip_id, cursor=cursor, limit=limit)

    def file(self, aip_id: str, path: str, *, version: int | None) -> AipFile:
        """What is known of a file. Raises `UnknownAip`, `FileMissing`."""
        found = self._archive.catalog.holdings.file(aip_id, path, version=version)
        if found is None:
            raise FileMissing(path, aip_id)
        return found

    def open(self, aip_id: str, file: AipFile) -> OpenFile:
        """Open a file for handing out; a small one is verified already.

        Raises:
            NoGoodCopy: no tier has it, or (small files) none has it unaltered. BeingBrought: where ``jobs`` were given, and it has to be
            brought from a cold storage class.
        """
        if self._jobs is None:
            return self._open(aip_id, file)
        with handing_out(self._archive, self._jobs, aip_id):
            return self._open(aip_id, file)

    def _open(self, aip_id: str, file: AipFile) -> OpenFile:
        sightings = self.sightings(aip_id)
        expected, reasons = bytes.fromhex(file.sha512), []
        with sightings.entered():
            for name in self._tiers(aip_id):
                try:
                    stream = self._archive.tiers[name].open(ObjectId(aip_id), file.content_path)
                    if file.size > SMALL:
                        return OpenFile(aip_id, file, name, self, stream=stream)
                    with stream:
                        data = next(blocks(stream, file.content_path, file.size + 1), b"")
                except (StorageError, CouldNotRead) as error:
                    _log.warning("%s of %s could not be read from tier %s: %s", file.content_path, aip_id, name, error.code)
                    sightings.failed(name, file.content_path, expected, error)
                    reasons.append(phrase("not-readable", tier=name))
                    continue
                if (digest := hashlib.sha512(data).digest()) == expected:
                    return OpenFile(aip_id, file, name, self, whole=data)
                sightings.altered(name, file.content_path, expected, digest)
                reasons.append(phrase("altered-on", tier=name))
        raise NoGoodCopy(file.path, aip_id, "; ".join(reasons))

    def _tiers(self, aip_id: str) -> list[str]:
        """The tiers, good copies first: what was seen to be bad is no longer among these."""
        states = {copy.tier: _ORDER.get(copy.state, 4) for copy in self._archive.catalog.holdings.get(aip_id).copies}
        return sorted(self._archive.tiers, key=lambda name: states.get(name, 4))
