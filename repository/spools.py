"""Open spools: a deposit's spool stays open between the steps of one process, because opening a database costs more than a small
deposit's other work. Nothing depends on it: a spool that is not open is opened."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from formats.package.spool import Spool
from storage import durable

__all__ = ["Spools"]

_LOOK = 0.5
"""Seconds between looks whether a step that waits for another should leave."""

_REMOVED_AT_ONCE = 8
"""Spools that are removed side by side. Removing is waiting for the disk: half a millisecond a file and three a folder where ext4 discards
what becomes free at once."""

_MARK = "kho-spool.json"
"""In the folder of the spools: {"kho_spool": 1, "uuid": …}. Beside that folder lies ``spool.json``, with the same bytes."""

MOST_OPEN = 128
"""Three descriptors each; two batches of deposits."""


class Spools:
    """The spools below one folder, by deposit id. Threads may share it; one deposit's spool is used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, Spool] = OrderedDict()
        self._lock = threading.Lock()
        self._claims: set[str] = set()
        self._changed = threading.Condition()

    def folder(self, deposit_id: str) -> Path:
        return self._folder / deposit_id

    def get(self, deposit_id: str) -> Spool:
        """The spool of a deposit, open; made when there is none. Raises `SpoolFull`, `SpoolFailed`."""
        with self._lock:
            spool = self._open.pop(deposit_id, None)
        if spool is None:
            spool = Spool(self.folder(deposit_id))
        with self._lock:
            self._open[deposit_id] = spool
            oldest = self._open.popitem(last=False)[1] if len(self._open) > MOST_OPEN else None
        if oldest is not None:
            oldest.close()
        return spool

    def of_sealed(self, deposit_id: str) -> Spool:
        """The spool of a deposit that was sealed: never made. Raises OSError where there is none, `SpoolFailed`."""
        os.stat(self.folder(deposit_id) / "spool.db")
        return self.get(deposit_id)

    def mark(self, waiting: Callable[[], Collection[str]]) -> None:
        """Give the folder of the spools its mark, unless it ever had one: where that is not seen any more, the disk of the spools is not
        mounted, and a deposit that is not found is not lost. An archive of before there were marks gets none while its disk may be away:
        deposits are ``waiting``, and none of them is here."""
        beside = self._folder.with_name(f"{self._folder.name}.json")
        if beside.exists() or ((ids := waiting()) and not any(self.folder(each).exists() for each in ids)):
            return
        self._folder.mkdir(exist_ok=True)  # backups leave out empty folders
        mark = self._folder / _MARK
        with contextlib.suppress(FileExistsError):
            _write_new(mark, json.dumps({"kho_spool": 1, "uuid": str(uuid.uuid4())}).encode("ascii"))
        with contextlib.suppress(FileExistsError):
            _write_new(beside, mark.read_bytes())

    def is_there(self) -> bool:
        """Whether this is the folder in which the deposits were spooled. False where that is not known."""
        try:
            return self._folder.with_name(f"{self._folder.name}.json").read_bytes() == (self._folder / _MARK).read_bytes()
        except OSError:
            return False

    @contextmanager
    def claimed(self, deposit_ids: Collection[str], waiting: Callable[[], None]) -> Iterator[None]:
        """Be the only step that works on these deposits: a deposit handed in again and the worker's upkeep may mean the same one at
        once. All are claimed together or none, so that no two wait for each other. ``waiting`` is called meanwhile, and may raise.

        Only one process of a home runs steps, so this need not outlive it.
        """
        mine = set(deposit_ids)
        with self._changed:
            while self._claims & mine:
                self._changed.wait(_LOOK)
                waiting()
            self._claims |= mine
        try:
            yield
        finally:
            with self._changed:
                self._claims -= mine
                self._changed.notify_all()

    def is_claimed(self, deposit_id: str) -> bool:
        """Whether a step works on this deposit."""
        with self._changed:
            return deposit_id in self._claims

    def close(self, deposit_id: str) -> None:
        """Close a deposit's spool; its files stay."""
        with self._lock:
            spool = self._open.pop(deposit_id, None)
        if spool is not None:
            spool.close()

    def remove(self, *deposit_ids: str) -> None:
        """Close the spools of deposits and remove their files."""
        for each in deposit_ids:
            self.close(each)
        if len(deposit_ids) < 2:
            for each in deposit_ids:
                self._remove(each)
            return
        with ThreadPoolExecutor(min(len(deposit_ids), _REMOVED_AT_ONCE), "spools") as pool:
            list(pool.map(self._remove, deposit_ids))

    def _remove(self, deposit_id: str) -> None:
        shutil.rmtree(self.folder(deposit_id), ignore_errors=True)

    def close_all(self) -> None:
        for deposit_id in list(self._open):
            self.close(deposit_id)


def _write_new(file: Path, data: bytes) -> None:
    """Raises FileExistsError, OSError."""
    partial = f"{file}.{uuid.uuid4().hex[:8]}.partial"
    descriptor = durable.create(partial)
    try:
        durable.write(descriptor, data)
        durable.fsync(descriptor)
    finally:
        durable.close(descriptor)
    try:
        durable.link(partial, os.fspath(file))
        durable.fsync_folder(os.fspath(file.parent))
    finally:
        durable.unlink(partial)
