"""Transactions: a batch's folder under ``<tier>/tmp`` with a journal of the places it will touch in the storage root.

The journal is durable before the root is touched, so that what a killed batch left is found without walking the root, and so that
nothing is ever swept that a batch of Kho did not bring there. A live batch holds a flock on its journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from storage import durable, locks
from storage.ocfl.folder import TierFolder
from storage.ocfl.objects import remove_tree

__all__ = ["JOURNAL", "Entry", "Transaction", "begin", "left_behind"]

JOURNAL = "journal.json"
JOURNAL_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One object a batch will touch: ``number`` is the version it adds (0: the object is being removed). Digests are hexadecimal
    SHA-512 of root inventories: what it becomes, and what it is built on ("" for version 1)."""

    object_id: str
    number: int
    inventory: str
    builds_on: str


class Transaction:
    """The folder of one batch, and its journal's descriptor, which holds the lock that says the batch lives."""

    def __init__(self, folder: str, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor

    def record(self, entries: Iterable[Entry], *, durably: bool) -> None:
        """Write the journal, once. ``durably``: return when it would survive a loss of power."""
        data = json.dumps({"kho_journal": JOURNAL_VERSION, "entries": [asdict(entry) for entry in entries]}).encode("ascii")
        durable.write(self._descriptor, data)
        if durably:
            durable.fsync(self._descriptor)
            durable.fsync_folder(self.folder)
            durable.fsync_folder(os.path.dirname(self.folder))

    def entries(self) -> list[Entry]:
        """What was recorded; nothing when the journal was not written whole, for then the root was not touched either."""
        try:
            with open(os.path.join(self.folder, JOURNAL), "rb") as stream:
                found = json.loads(stream.read())
            return [Entry(**row) for row in found["entries"]]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []

    def finish(self) -> None:
        """Remove the folder, its journal last: as long as anything is left, the journal says what it was. OSError as it is."""
        with contextlib.suppress(FileNotFoundError):  # another process may finish removing what has no journal any more
            self._remove()

    def _remove(self) -> None:
        with os.scandir(self.folder) as entries:
            here = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries if entry.name != JOURNAL]
        for path, folder in here:
            if folder:
                remove_tree(path)
            else:
                durable.unlink(path)
        durable.unlink(os.path.join(self.folder, JOURNAL))
        durable.rmdir(self.folder)

    def release(self) -> None:
        """Give up the lock; what is left in the folder will be looked at by the next one."""
        durable.close(self._descriptor)


def begin(tier: TierFolder) -> Transaction:
    """A new transaction. OSError as it is."""
    folder = tier.fresh()
    with locks.hold(tier.lock, [locks.TRANSACTIONS]):
        durable.mkdir(folder)
        descriptor = durable.create(os.path.join(folder, JOURNAL), 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return Transaction(folder, descriptor)


def left_behind(tier: TierFolder) -> Iterator[Transaction]:
    """Transactions whose processes are gone, now ours; the caller finishes them. What has no journal yet is removed here."""
    with os.scandir(tier.tmp) as entries:
        if not any(True for _ in entries):
            return  # the usual case costs one call
    with locks.hold(tier.lock, [locks.TRANSACTIONS]):
        with os.scandir(tier.tmp) as entries:
            here = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
        claimed = [claim for path, folder in here if (claim := _claim(path, folder=folder)) is not None]
    try:
        while claimed:
            transaction = claimed.pop()
            try:
                yield transaction
            finally:
                transaction.release()
    finally:
        for transaction in claimed:
            transaction.release()


def _claim(path: str, *, folder: bool) -> Transaction | None:
    """The transaction in a folder, locked; None when its process lives, or when there was none and the folder was removed."""
    if not folder:
        with contextlib.suppress(FileNotFoundError):
            durable.unlink(path)
        return None
    try:
        descriptor = os.open(os.path.join(path, JOURNAL), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        remove_tree(path)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Transaction(path, descriptor)
