"""Media refresh: what still counts on a volume is written to other cartridges of the same pool, read back, and only then the old volume is
retired. What was disposed of, and what a later copy replaced, stays behind.

A bundle keeps its number (in its order bundles are unpacked) and its moment (which stands in its tar headers); it gets a UUID of its own.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO

from policies.findings import said
from policies.phrases import os_phrase, phrase
from storage.errors import Refused, Unavailable
from storage.tape.bundles import closing, header, padding, root_members
from storage.tape.cartridge import DataFile
from storage.tape.drive import BLOCK
from storage.tape.errors import MediumError, WrongVolume
from storage.tape.rows import BundleRow, FileRow, PartRow, VolumeState
from storage.tape.shelf import Shelf
from storage.tape.streaming import Stream
from storage.tape.volumes import NewFile

__all__ = ["Refreshed", "begin", "refresh_some", "retire"]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a stretch of a refresh wrote again: bundles and bytes. ``after`` is the tape file of the old volume behind which it goes on;
    None at the end. ``unread``: objects of which something could not be read, so that it is on the old volume only, each with the
    reason."""

    bundles: int
    bytes: int
    after: int | None
    unread: Mapping[str, str] = field(default_factory=dict)


class _Copied:
    """One bundle of the old volume on its way to a new one, from a file on disk: one drive is enough."""

    def __init__(self, shelf: Shelf, bundle: BundleRow, spool: IO[bytes]) -> None:
        self._shelf = shelf
        self._parts: list[PartRow] = []
        self._spool = spool
        self._moment = int(datetime.fromisoformat(bundle.created).timestamp())
        self.size = 2 * BLOCK
        self.unread: dict[str, str] = {}
        created = datetime.fromisoformat(bundle.created)
        self.file = NewFile("B", bundle.number, uuid.uuid4().hex, created, self.content)

    def read(self, barcode: str, bundle: BundleRow, parts: Sequence[PartRow]) -> None:
        """Bring the parts' bytes to disk. A part that cannot be read is left out, and told of: the others need not wait for it."""
        try:
            data = self._shelf.mounted(barcode).data(bundle)
            for part in parts:
                self._part(data, part)
        except (WrongVolume, MediumError) as error:
            done = {part.id for part in self._parts}
            self.unread.update((part.object_id, said(error.finding)) for part in parts if part.id not in done)

    def _part(self, data: DataFile, part: PartRow) -> None:
        """One part onto the end of what is on disk. Raises MediumError, WrongVolume where nothing behind it can be reached either."""
        try:
            if part.offset < data.at:
                self.unread[part.object_id] = phrase("tape-part-unread")
                return
            data.skip_to(part.offset)
            for piece in data.pieces(part.length):
                self._spool.write(piece)
            if data.at == part.offset + part.length:
                self._parts.append(part)
                self.size += part.length
                return
            self.unread[part.object_id] = phrase("tape-part-short")
        except MediumError as error:
            self.unread[part.object_id] = said(error.finding)
            data.step_over()
        finally:
            self._spool.truncate(self._spool.seek(self.size - 2 * BLOCK))

    @property
    def largest(self) -> int:
        return max((part.length for part in self._parts), default=0)

    @property
    def any(self) -> bool:
        """Whether anything of the bundle could be read."""
        return bool(self._parts)

    def _root(self) -> bytes:
        entries = []
        for member in root_members():
            assert member.data is not None
            entries.append(header(member.path, member.size, self._moment) + member.data + bytes(padding(member.size)))
        return b"".join(entries)

    def content(self, stream: Stream) -> None:
        stream.put(self._root())
        self._spool.seek(0)
        while piece := self._spool.read(BLOCK):
            stream.put(piece)
        stream.put(closing(stream.offset, BLOCK))

    def enter(self, row: BundleRow) -> None:
        """Enter the new bundle beside the old one; from now on its files count. Inside a transaction."""
        register = self._shelf.register
        register.add_bundle(row)
        at = len(self._root())
        for part in self._parts:
            number = register.add_part(replace(part, volume=row.volume, sequence=row.sequence, offset=at))
            moved = at - part.offset
            rows = list(register.files_of(part.id))
            register.add_files(
                FileRow(number, each.offset + moved, each.path, each.size, each.sha512, each.state) for each in rows
            )
            register.settle(part.object_id)
            at += part.length


def begin(shelf: Shelf, barcode: str) -> int:
    """Nothing new is written to the volume from now on. Returns how many bytes of it count. Raises NoCartridge."""
    if shelf.register.volume(barcode).state is VolumeState.OPEN:
        shelf.register.change_volume(barcode, state=VolumeState.FULL)
    bundles = [each for each in shelf.register.bundles(barcode) if each.counted]
    return sum(part.length for bundle in bundles for part in shelf.register.live_parts(barcode, bundle.sequence))


def refresh_some(shelf: Shelf, barcode: str, after: int, most: int, progress: Callable[[int], None]) -> Refreshed:
    """Write what counts on the tape files behind ``after`` to other volumes of the pool, until that are ``most`` bytes. What was written
    again does not count on the old volume any more: a stretch that was interrupted goes on where it stopped.

    Raises NoCartridge, NoRoom, Unavailable.
    """
    count = size = 0
    unread: dict[str, str] = {}
    for bundle in shelf.register.bundles(barcode):
        if bundle.sequence <= after:
            continue
        if size >= most:
            return Refreshed(count, size, after, unread)
        after = bundle.sequence
        parts = shelf.register.live_parts(barcode, bundle.sequence) if bundle.counted else []
        if not parts:
            continue
        written = _copy(shelf, bundle, parts, unread)
        count, size = count + bool(written), size + written
        progress(written)
    return Refreshed(count, size, None, unread)


def _copy(shelf: Shelf, bundle: BundleRow, parts: Sequence[PartRow], unread: dict[str, str]) -> int:
    """Write parts of a bundle to another volume; how many bytes, 0 where nothing of it could be read."""
    try:
        with tempfile.TemporaryFile(dir=shelf.folder.path) as spool:
            copied = _Copied(shelf, bundle, spool)
            copied.read(bundle.volume, bundle, parts)
            unread.update(copied.unread)
            if not copied.any:
                return 0
            shelf.append([copied], lambda each: None)
            return copied.size
    except OSError as error:
        raise Unavailable(str(shelf.folder.path), os_phrase(error)) from error


def retire(shelf: Shelf, barcode: str, note: str) -> None:
    """Nothing on this volume counts any more: it may be destroyed or kept aside. Raises Refused where something still does."""
    if still := next(shelf.register.files_on(barcode), None):
        raise Refused(barcode, phrase("tape-still-counts", path=f"{still[0]}/{still[1]}"))
    with shelf.register.transaction():
        shelf.register.change_volume(barcode, state=VolumeState.RETIRED, note=note)
        shelf.register.settle_all(barcode)
