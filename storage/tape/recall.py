"""Recall: files asked for by whoever needs them (access, migration, repair), read in the order in which they lie.

Requests wait in one queue. Whoever holds the library serves all that wait, the mounted volume first, forwards; an audit that goes
through a cartridge serves on its way what is asked of that cartridge. What lies beside a requested file in its part is brought along
as far as there is room, since files of one AIP are rarely asked for alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from storage.errors import StorageError
from storage.ocfl.layout import object_path
from storage.tape.bundles import header
from storage.tape.cartridge import Cartridge, DataFile
from storage.tape.checking import comment_of
from storage.tape.folder import TapeFolder
from storage.tape.register import Register
from storage.tape.rows import FileRow, FileState, PartRow

__all__ = ["Recall", "Request"]

ALONG = 256 << 20
"""Bytes of a part up to which its other files are brought along: some seconds of streaming, against a positioning for each."""

KEPT = 2 << 30
"""Bytes of recalled files that stay in the tier's folder; the longest unused go first."""

IN_MEMORY = 8 << 20
"""Bytes of one file that are held in memory when it is not kept; a larger one lies in the tier's folder while it is read."""


class Shelf(Protocol):
    """What serving needs of its tier."""

    register: Register

    def mounted(self, barcode: str) -> Cartridge: ...


@dataclass(eq=False)
class Request:
    """One file that somebody waits for."""

    part: PartRow
    row: FileRow
    answer: Future[BinaryIO] = field(default_factory=Future)

    @property
    def place(self) -> tuple[str, int, int]:
        return self.part.volume, self.part.sequence, self.row.offset


class Recall:
    """The queue of one tier, and the files it keeps in the tier's folder."""

    def __init__(self, place: TapeFolder) -> None:
        self._place = place
        self._waiting: list[Request] = []
        self._guard = threading.Lock()

    def ask(self, part: PartRow, row: FileRow) -> Request:
        """Put a request into the queue. Somebody who holds the library serves it."""
        request = Request(part, row)
        kept = self._kept(row)
        if kept is not None:
            request.answer.set_result(kept)
            return request
        with self._guard:
            self._waiting.append(request)
        return request

    def give_up(self, request: Request) -> None:
        """Nobody waits for it any more."""
        with self._guard, contextlib.suppress(ValueError):
            self._waiting.remove(request)

    def _take(self, volume: str) -> list[Request]:
        """The requests of a volume, in the order of their places; they are in the queue no more."""
        with self._guard:
            taken = sorted((each for each in self._waiting if each.part.volume == volume), key=lambda each: each.place)
            self._waiting = [each for each in self._waiting if each.part.volume != volume]
        return taken

    def volumes(self) -> list[str]:
        """Volumes of which something is asked for."""
        with self._guard:
            return sorted({each.part.volume for each in self._waiting})

    def serve(self, shelf: Shelf, volume: str) -> None:
        """Read all that waits of one volume. What goes wrong is told to those who wait."""
        requests = self._take(volume)
        if not requests:
            return
        try:
            cartridge = shelf.mounted(volume)
        except StorageError as error:
            for request in requests:
                request.answer.set_exception(error)
            return
        for request in requests:
            try:
                kept = self._kept(request.row)  # brought along with an earlier one
                request.answer.set_result(kept if kept is not None else self._read(shelf, cartridge, request))
            except StorageError as error:
                request.answer.set_exception(error)

    def _read(self, shelf: Shelf, cartridge: Cartridge, request: Request) -> BinaryIO:
        """Read a file, and those behind it in its part. Bytes that are not what the register has are given as they are, and not kept."""
        part, wanted = request.part, request.row
        bundle = shelf.register.bundle(part.volume, part.sequence)
        data = cartridge.data(bundle)
        moment = int(datetime.fromisoformat(bundle.created).timestamp())
        answer: BinaryIO | None = None
        for row in self._along(shelf, part, wanted):
            stream, digest = self._one(data, part, row, moment)
            right = digest == row.sha512
            if right and part.length <= ALONG:
                self._keep(row, stream)
            if row.offset == wanted.offset:
                stream.seek(0)
                answer = stream
            else:
                stream.close()
        assert answer is not None
        self._sweep()
        return answer

    def _along(self, shelf: Shelf, part: PartRow, wanted: FileRow) -> Iterator[FileRow]:
        if part.length > ALONG:
            yield wanted
            return
        for row in shelf.register.files_of(part.id):
            if row.offset == wanted.offset or (row.state is FileState.LIVE and not self._path(row).exists()):
                yield row

    def _one(self, data: DataFile, part: PartRow, row: FileRow, moment: int) -> tuple[BinaryIO, bytes]:
        data.skip_to(row.offset)
        comment = str(comment_of(part)) if row.offset == part.offset else ""
        head = header(f"{object_path(part.object_id)}/{row.path}", row.size, moment, comment)
        for _ in data.pieces(len(head)):
            pass
        hasher = hashlib.sha512(usedforsecurity=False)
        target = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder))  # noqa: SIM115
        for piece in data.pieces(row.size):
            hasher.update(piece)
            target.write(piece)
        return cast(BinaryIO, target), hasher.digest()

    @property
    def _folder(self) -> Path:
        return self._place.recalled

    # --- what is kept -----------------------------------------------------------------------------------------------------

    def _path(self, row: FileRow) -> Path:
        return self._folder / row.sha512.hex()

    def _kept(self, row: FileRow) -> BinaryIO | None:
        try:
            stream = open(self._path(row), "rb")  # noqa: SIM115
        except OSError:
            return None
        os.utime(stream.fileno())
        return stream

    def _keep(self, row: FileRow, stream: BinaryIO) -> None:
        stream.seek(0)
        temporary = self._folder / f".{uuid.uuid4().hex}"
        with open(temporary, "xb") as target:
            while piece := stream.read(1 << 20):
                target.write(piece)
        os.rename(temporary, self._path(row))

    def _sweep(self) -> None:
        """Remove the longest unused until the rest is small enough."""
        with os.scandir(self._folder) as entries:
            found = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in entries if entry.name[0] != ".")
        total = sum(size for _, size, _ in found)
        for _, size, path in found:
            if total <= KEPT:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size
