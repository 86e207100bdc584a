"""Bytes to a cartridge of the virtual library and back: ``tape_work.py WHO FILE`` prints seconds.

``plain-stream``: blocks of 256 KiB written, and a file mark that waits. ``plain``: that, and read back with SHA-256. ``kho-stream`` and
``kho``: the same two spans of a version kept by the tape tier (tar, labels, SHA-512 of the file, SHA-256 of the blocks; read-back,
register). Each has a target and cartridge of its own.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from storage.tape.drive import BLOCK, Drive, Mark
from storage.tape.library import Library, Place
from storage.tape.tier import TapeTier
from storage.tape.transport import Reply, ScsiTransport, open_transport
from storage.tier import ContentPath, ObjectId, SealedFile, SealedVersion
from tests.storage.tape.target import FIRST_DRIVE, FIRST_SLOT, Target, running

VOLUME = "LPD001L8"


class Clocked:
    """A transport that notes when the first data block was written, and when the last file mark that waits was done."""

    spans: ClassVar[dict[str, float]] = {}

    def __init__(self, inner: ScsiTransport) -> None:
        self._inner = inner
        self.name = inner.name

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        if send is not None and len(send) == BLOCK:
            self.spans.setdefault("first", time.perf_counter())
        reply = self._inner.execute(cdb, send=send, receive=receive, timeout=timeout)
        if cdb[0] == 0x10 and not cdb[1] & 1:
            self.spans["synced"] = time.perf_counter()
        return reply

    def close(self) -> None:
        self._inner.close()


def plain(target: Target, file: Path, *, back: bool) -> float:
    """Bare blocks of the file's bytes."""
    library = Library(Place(target.changer, tuple(target.drives), target.folder / "lock"))
    library.changer.move(FIRST_SLOT + 1, FIRST_DRIVE)
    drive = Drive(open_transport(target.drives[0]))
    drive.greet()
    drive.load()
    end = drive.confirm_end()
    buffer = bytearray(BLOCK)
    started = time.perf_counter()
    with open(file, "rb", buffering=0) as source:
        while source.readinto(buffer):
            drive.write(buffer, end)
    drive.write_filemarks(1, end, wait=True)
    if back:
        drive.rewind()
        hasher = hashlib.sha256()
        while not isinstance(size := drive.read(buffer), Mark):
            hasher.update(memoryview(buffer)[:size])
    return time.perf_counter() - started


def kho(target: Target, file: Path, folder: Path, *, back: bool) -> float:
    """One version of one object with this file, kept."""
    place = Place(target.changer, tuple(target.drives), target.folder / "lock")
    made = TapeTier.create(folder / "tier", "t", Library(place))
    with made.shelf() as shelf:
        shelf.label(VOLUME, capacity=0, made="", rated_years=0)
    made.close()
    inventory = folder / "inventory.json"
    inventory.write_bytes(b"{}")
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    with open(file, "rb") as stream:
        faster = hashlib.file_digest(stream, "sha256").digest()
    sealed = SealedFile(ContentPath("v1/content/a"), file, file.stat().st_size, faster, digest)
    version = SealedVersion(ObjectId("urn:x:1"), 1, inventory, hashlib.sha512(b"{}").digest(), None, lambda: iter([sealed]))
    tier = TapeTier(
        folder / "tier", "t", Library(place, opener=lambda address: Clocked(open_transport(address))), bundle=64 << 30
    )
    with tier.shelf() as shelf:
        shelf.mounted(VOLUME)
    started = time.perf_counter()
    (written,) = tier.write([version])
    ended = time.perf_counter()
    tier.close()
    if written.error is not None:
        raise written.error
    return ended - started if back else Clocked.spans["synced"] - Clocked.spans["first"]


def main(who: str, name: str) -> None:
    file = Path(name)
    os.sync()
    with (
        running({VOLUME: file.stat().st_size // (1 << 20) + 64}) as target,
        tempfile.TemporaryDirectory(dir=file.parent) as folder,
    ):
        back = not who.endswith("-stream")
        seconds = plain(target, file, back=back) if who.startswith("plain") else kho(target, file, Path(folder), back=back)
    print(seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
