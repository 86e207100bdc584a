"""Reading: one file of an AIP handed out at once, its bytes held against their digest on the way.

A small file is read and verified whole before anything is given, from one tier after the other until one is right. A large one is
verified while it is given: whoever asked must not believe it before the end came well (`Unverified` breaks it off otherwise).
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from fixity.digests import LARGE_BUFFER
from policies.findings import KhoError
from repository.archive import Archive
from repository.errors import NoGoodCopy, RepositoryError
from repository.model import AipFile, CopyState, Event, Page
from storage.errors import StorageError
from storage.tier import ObjectId

__all__ = ["SMALL", "FileMissing", "NoGoodCopy", "OpenFile", "Reading", "Unverified"]

SMALL: Final = 8 << 20
"""Bytes up to which a file is verified before its first byte leaves: a document, held in memory once a request."""

REMEMBERED: Final = 10_000
"""Bad copies of files that are remembered until the process ends, so that the next request asks another tier first."""

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
        while chunk := self._read(stream, LARGE_BUFFER):
            digest.update(chunk)
            size += len(chunk)
            if held:
                yield held
            held = chunk
        if size != self.file.size or digest.hexdigest() != self.file.sha512:
            raise self._bad()
        yield held

    def _part(self, stream: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
        stream.seek(start)
        left = stop - start
        while left:
            chunk = self._read(stream, min(left, LARGE_BUFFER))
            if not chunk:
                raise self._bad()
            left -= len(chunk)
            yield chunk

    def _read(self, stream: BinaryIO, size: int) -> bytes:
        try:
            return stream.read(size)
        except OSError as error:
            raise self._bad() from error

    def _bad(self) -> Unverified:
        self.reading.remember(self.aip_id, self.file, self.tier)
        return Unverified(self.file.path, self.aip_id, self.tier)


class Reading:
    """Pages of what is kept, and single files."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._bad: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._guard = threading.Lock()

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
            NoGoodCopy: no tier has it, or (small files) none has it unaltered.
        """
        reasons = []
        for name in self._tiers(aip_id, file):
            try:
                stream = self._archive.tiers[name].open(ObjectId(aip_id), file.content_path)
                if file.size > SMALL:
                    return OpenFile(aip_id, file, name, self, stream=stream)
                with stream:
                    data = stream.read(file.size + 1)
            except (StorageError, OSError) as error:
                _log.warning("%s of %s could not be read from tier %s: %s", file.content_path, aip_id, name, _code(error))
                reasons.append(f"{name}: not readable")
                continue
            if hashlib.sha512(data).hexdigest() == file.sha512:
                return OpenFile(aip_id, file, name, self, whole=data)
            self.remember(aip_id, file, name)
            reasons.append(f"{name}: altered")
        raise NoGoodCopy(file.path, aip_id, "; ".join(reasons))

    def remember(self, aip_id: str, file: AipFile, tier: str) -> None:
        """This copy of this file was bad when it was last read: other tiers are asked first from now on."""
        _log.error("%s of %s on tier %s is not what was kept; audit and repair it", file.content_path, aip_id, tier)
        with self._guard:
            self._bad[aip_id, file.content_path, tier] = None
            if len(self._bad) > REMEMBERED:
                self._bad.popitem(last=False)

    def _tiers(self, aip_id: str, file: AipFile) -> list[str]:
        states = {copy.tier: _ORDER.get(copy.state, 4) for copy in self._archive.catalog.holdings.get(aip_id).copies}
        return sorted(self._archive.tiers, key=lambda name: ((aip_id, file.content_path, name) in self._bad, states.get(name, 4)))


def _code(error: Exception) -> str:
    return error.code if isinstance(error, KhoError) else type(error).__name__
