"""Recall: files asked for by whoever needs them (access, migration, repair), read in the order in which they lie.

Requests wait in one queue. Whoever holds the library serves all that wait, the mounted volume first, forwards; an audit that goes
through a cartridge serves on its way what is asked of that cartridge. What lies beside a requested file in its part is brought along
as far as there is room, since files of one AIP are rarely asked for alone.

Other processes are served, too: what somebody waits for stands in a note in the tier's folder, and whoever reads of a cartridge reads what
notes ask of it in the same mount. The bytes lie in that folder then, where the other process finds them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from policies.phrases import os_phrase
from storage.errors import StorageError, Unavailable
from storage.ocfl.layout import object_path
from storage.tape.bundles import header
from storage.tape.cartridge import Cartridge, DataFile
from storage.tape.checking import comment_of
from storage.tape.errors import MediumError
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


NOTE = ".wanted-"
"""What names of notes begin with."""

_log = logging.getLogger("kho.tape")

FORGOTTEN_AFTER = 24 * 3600.0
"""Seconds after which a note is of a process that was killed: nobody waits so long."""


@dataclass(eq=False)
class Request:
    """One file that somebody waits for: here, or in another process (``elsewhere``). ``note`` is where the others see that."""

    part: PartRow
    row: FileRow
    note: Path
    elsewhere: bool = False
    answer: Future[BinaryIO] = field(default_factory=Future)

    @property
    def place(self) -> tuple[str, int, int]:
        return self.part.volume, self.part.sequence, self.row.offset


class Recall:
    """The queue of one tier, and the files it keeps in the tier's folder."""

    def __init__(self, place: TapeFolder) -> None:
        self._place = place
        self._waiting: list[Request] = []
        self._unread: set[tuple[int, int]] = (
            set()
        )  # (part, offset): a drive tries for minutes, and is not asked again for nothing
        self._guard = threading.Lock()

    def ask(self, part: PartRow, row: FileRow) -> Request:
        """Put a request into the queue. Somebody who holds the library serves it."""
        request = Request(part, row, self._folder / f"{NOTE}{uuid.uuid4().hex}")
        if not self.brought(request):
            with self._guard:
                self._waiting.append(request)
            with contextlib.suppress(OSError):  # then only we know
                request.note.write_text(json.dumps({"volume": part.volume, "part": part.id, "offset": row.offset}))
        return request

    def give_up(self, request: Request) -> None:
        """Nobody waits for it any more."""
        with self._guard, contextlib.suppress(ValueError):
            self._waiting.remove(request)
        request.note.unlink(missing_ok=True)

    def brought(self, request: Request) -> bool:
        """Whether it is in the tier's folder, be it that another process read it: then it is answered."""
        kept = self._kept(request.row)
        if kept is None:
            return False
        self._answer(request, kept)
        return True

    def _answer(self, request: Request, answer: BinaryIO | StorageError) -> None:
        """Give what was found to who waits, once. Whoever waits elsewhere finds it in the folder, or asks the library itself."""
        self.give_up(request)
        with self._guard:
            if isinstance(answer, StorageError):
                if not request.answer.done():
                    request.answer.set_exception(answer)
            elif request.elsewhere or request.answer.done():
                answer.close()
            else:
                request.answer.set_result(answer)

    def _take(self, register: Register, volume: str) -> list[Request]:
        """The requests of a volume, in the order of their places; they are in the queue no more."""
        with self._guard:
            taken = [each for each in self._waiting if each.part.volume == volume]
            self._waiting = [each for each in self._waiting if each.part.volume != volume]
        others = self._elsewhere(register, volume, {each.note for each in taken})
        return sorted([*taken, *others], key=lambda each: each.place)

    def _elsewhere(self, register: Register, volume: str, ours: Collection[Path]) -> Iterator[Request]:
        """What other processes ask of a volume."""
        for note in self._folder.glob(f"{NOTE}*"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # gone, or being written
                if time.time() - note.stat().st_mtime > FORGOTTEN_AFTER:
                    note.unlink()
                    continue
                asked = json.loads(note.read_bytes()) if note not in ours else {"volume": ""}
                if asked["volume"] == volume and (found := register.member(int(asked["part"]), int(asked["offset"]))):
                    yield Request(*found, note, elsewhere=True)

    def volumes(self) -> list[str]:
        """Volumes of which something is asked for here."""
        with self._guard:
            return sorted({each.part.volume for each in self._waiting})

    def serve(self, shelf: Shelf, volume: str) -> None:
        """Read all that waits of one volume. What goes wrong is told to those who wait."""
        requests = [each for each in self._take(shelf.register, volume) if not self.brought(each)]
        if not requests:
            return
        try:
            cartridge = shelf.mounted(volume)
        except StorageError as error:
            for request in requests:
                self._answer(request, error)
            return
        for request in requests:
            if self.brought(request):  # along with an earlier one
                continue
            try:
                found: BinaryIO | StorageError = self._read(shelf, cartridge, request)
            except StorageError as error:
                found = error
            except OSError as error:  # of the disk where it is brought to
                found = Unavailable(str(self._place.path), os_phrase(error))
            self._answer(request, found)

    def _read(self, shelf: Shelf, cartridge: Cartridge, request: Request) -> BinaryIO:
        """Read a file, and those behind it in its part. Bytes that are not what the register has are given as they are, and not kept."""
        part, wanted = request.part, request.row
        bundle = shelf.register.bundle(part.volume, part.sequence)
        data = cartridge.data(bundle)
        moment = int(datetime.fromisoformat(bundle.created).timestamp())
        answer: BinaryIO | None = None
        for row in self._along(shelf, part, wanted):
            try:
                stream, digest = self._one(data, part, row, moment)
            except StorageError as error:
                if row.offset == wanted.offset or not (answer or isinstance(error, MediumError)):
                    raise
                _log.warning("what lies beside the file that is wanted of %s cannot be brought along: %s", part.volume, error)
                if isinstance(error, MediumError):
                    self._unread.add((part.id, row.offset))
                if answer is not None:
                    break
                data = cartridge.data(bundle)
                continue
            right = digest == row.sha512
            asked_elsewhere = request.elsewhere and row.offset == wanted.offset
            if right and (part.length <= ALONG or (asked_elsewhere and row.size <= KEPT)):
                try:
                    self._keep(row, stream)
                except OSError as error:  # no room for it: then it is read again when it is asked for again
                    _log.warning("what was read from %s cannot be kept: %s", part.volume, error)
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
            unread = (part.id, row.offset) in self._unread
            if row.offset == wanted.offset or (row.state is FileState.LIVE and not unread and not self._path(row).exists()):
                yield row

    def _one(self, data: DataFile, part: PartRow, row: FileRow, moment: int) -> tuple[BinaryIO, bytes]:
        data.skip_to(row.offset)
        comment = str(comment_of(part)) if row.offset == part.offset else ""
        head = header(f"{object_path(part.object_id)}/{row.path}", row.size, moment, comment)
        for _ in data.pieces(len(head)):
            pass
        hasher = hashlib.sha512(usedforsecurity=False)
        target = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder))  # noqa: SIM115
        try:
            for piece in data.pieces(row.size):
                hasher.update(piece)
                target.write(piece)
        except BaseException:
            target.close()
            raise
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
        try:
            with open(temporary, "xb") as target:
                while piece := stream.read(1 << 20):
                    target.write(piece)
            os.rename(temporary, self._path(row))
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

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
