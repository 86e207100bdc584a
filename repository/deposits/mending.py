"""Sealed bytes that no longer are what was sealed, put right while their deposit waits for copies.

Such a deposit is no AIP yet: no audit looks at it, and no repair knows it. It cannot be sealed again to the same bytes, but whoever has
them can give them back: a tier that took them, a deposit that brings the same once more.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fixity.digests import LARGE_BUFFER, Hasher, hash_file
from formats.package.spool import Spool
from policies.findings import KhoError
from repository.aip.sealing import load_sealed
from repository.archive import Archive
from repository.model import Deposit, DepositState
from repository.progress import Progress
from storage import durable
from storage.errors import StorageError
from storage.ocfl.inventory import INVENTORY
from storage.tier import SealedVersion

__all__ = ["UNREADABLE", "SealedPart", "mend_sealed", "mend_waiting", "parts_of"]

UNREADABLE = (KhoError, OSError, ValueError, KeyError, TypeError, sqlite3.Error)
"""What reading a sealed deposit raises where its spool is not as it was: a spool is never synced, and each may have suffered by itself."""


class SealedPart(NamedTuple):
    """A file of a sealed version: its path in the object, where its bytes wait, and what they must be."""

    path: str
    source: Path
    sha512: bytes


Sources = Callable[[SealedPart], Iterable[Callable[[], BinaryIO]]]
"""Who may have the bytes of a part; each is asked only when the one before did not have them."""


def parts_of(sealed: SealedVersion) -> Iterator[SealedPart]:
    """The content of a version, then its inventory. Raises SpoolDamaged: the list of them is not what was sealed."""
    for file in sealed.files():
        yield SealedPart(str(file.content_path), Path(file.source), file.sha512)
    yield SealedPart(INVENTORY, sealed.inventory, sealed.inventory_sha512)


def mend_sealed(sealed: SealedVersion, sources: Sources, progress: Callable[[int], None] = lambda _: None) -> bool:
    """Put every part right that is not what was sealed, as far as one of ``sources`` has its bytes; whether any was. A file is replaced by
    a new one: what lies there may be a copy on a tier, by a second name. ``progress`` is called before each part is read; what it raises
    ends the work."""
    try:
        bad = [part for part in parts_of(sealed) if not _is_sound(part, progress)]
    except UNREADABLE:
        return False
    mended = [_replaced(part, sources(part)) for part in bad]
    return any(mended)


def mend_waiting(archive: Archive, deposit: Deposit, spool: Spool, progress: Progress) -> None:
    """Put the bytes of an earlier ``deposit`` right that could not be kept, from the ``spool`` of one that brings the same. ``progress`` is
    only asked whether to go on."""
    if deposit.state is not DepositState.ACCEPTED or not deposit.error:
        return
    with contextlib.suppress(*UNREADABLE):  # the earlier one may be done with meanwhile
        sealed = load_sealed(archive.spools.folder(deposit.id), partial(archive.spools.of_sealed, deposit.id))
        mend_sealed(sealed, partial(_held, spool), progress.advance)


def _held(spool: Spool, part: SealedPart) -> Iterator[Callable[[], BinaryIO]]:
    return (partial(spool.stream, each) for each in spool.holding("sha512", [part.sha512]))


def _is_sound(part: SealedPart, progress: Callable[[int], None]) -> bool:
    progress(0)
    try:
        return hash_file(part.source, ["sha512"])[1]["sha512"].value == part.sha512
    except OSError:
        return False


def _replaced(part: SealedPart, sources: Iterable[Callable[[], BinaryIO]]) -> bool:
    """Raises OSError: the disk of the spool takes nothing."""
    for source in sources:
        beside = f"{part.source}.{uuid.uuid4().hex[:8]}.mended"  # a deposit that brings the same may be at it just now, in another process
        try:
            with contextlib.suppress(OSError):  # its folder may be what was lost; that of the deposit is not made again
                durable.mkdir(os.path.dirname(part.source))
            if _copied(source, beside) == part.sha512:
                durable.rename(beside, os.fspath(part.source))
                durable.fsync_folder(os.path.dirname(part.source))
                return True
        finally:  # above all where the disk is full
            with contextlib.suppress(OSError):
                durable.unlink(beside)
    return False


def _copied(source: Callable[[], BinaryIO], target: str) -> bytes:
    """The SHA-512 of what was copied; b"" where the source could not be read."""
    hasher = Hasher(["sha512"])
    try:
        stream = source()
    except (OSError, StorageError):
        return b""
    with stream:
        descriptor = durable.create(target)
        try:
            while True:
                try:
                    chunk = stream.read(LARGE_BUFFER)
                except (OSError, StorageError):
                    return b""
                if not chunk:
                    break
                hasher.update(chunk)
                durable.write(descriptor, chunk)
            durable.fsync(descriptor)
        finally:
            durable.close(descriptor)
    return hasher.digests()["sha512"].value
