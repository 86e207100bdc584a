"""Open spools: a deposit's spool stays open between the steps of one process, because opening a database costs more than a small
deposit's other work. Nothing depends on it: a spool that is not open is opened."""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from pathlib import Path

from formats.package.spool import Spool

__all__ = ["Spools"]

MOST_OPEN = 128
"""Three descriptors each; two batches of deposits."""


class Spools:
    """The spools below one folder, by deposit id. Threads may share it; one deposit's spool is used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, Spool] = OrderedDict()
        self._lock = threading.Lock()

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

    def close(self, deposit_id: str) -> None:
        """Close a deposit's spool; its files stay."""
        with self._lock:
            spool = self._open.pop(deposit_id, None)
        if spool is not None:
            spool.close()

    def remove(self, deposit_id: str) -> None:
        """Close a deposit's spool and remove its files."""
        self.close(deposit_id)
        shutil.rmtree(self.folder(deposit_id), ignore_errors=True)

    def close_all(self) -> None:
        for deposit_id in list(self._open):
            self.close(deposit_id)
