"""Copies that are not there yet, on media that are wound: many of them written as one batch.

A tape that takes one small AIP at a time stops, synchronises, winds back and reads for each. Together they are one group.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from repository.access.vouched import Wanted, wanted
from repository.archive import Archive
from repository.checks.audit import verify_copy
from repository.copies.resealing import lacking, resealed
from repository.ledger.events import ledger_of
from repository.model import Copy, CopyState
from storage.errors import Cold, ReadOnly, StorageError, Unavailable
from storage.tier import SealedVersion, SequentialTier

__all__ = ["CLOSED", "bring_together"]

_log = logging.getLogger("kho.copies")

CLOSED: Final = (Unavailable, ReadOnly)
"""Errors of writing that say something of the tier: it takes nothing now, whatever is brought next."""

TOGETHER: Final = 2 << 30
"""Bytes from which on a batch is closed: a bundle of tape. So much room is needed in the archive's home, beside the largest AIP."""


def bring_together(archive: Archive, copies: Sequence[Copy], advance: Callable[[int], None]) -> dict[str, StorageError]:
    """Write those of ``copies`` that are promised and not there, tier by tier, where the tier's medium is wound. Whether they are good
    then, whoever checks them says; what does not come about here is tried again for each by itself. Returns the tiers that take no writes
    now, and why."""
    closed: dict[str, StorageError] = {}
    for name, tier in archive.tiers.items():
        absent = [copy for copy in copies if copy.tier == name and copy.state is CopyState.ABSENT]
        if isinstance(tier, SequentialTier) and len(absent) > 1:
            batch = _Batch(archive, name, tier)
            try:
                for copy in absent:
                    advance(0)
                    batch.add(copy)
                batch.write()
            except (StorageError, OSError) as error:
                _log.warning("not brought together to tier %s: %s", name, error)
                if isinstance(error, CLOSED):
                    closed[name] = error
            finally:
                batch.close()
    return closed


class _Batch:
    def __init__(self, archive: Archive, name: str, tier: SequentialTier) -> None:
        self._archive = archive
        self._name = name
        self._tier = tier
        self._folders = ExitStack()
        self._versions: list[SealedVersion] = []
        self._told: list[tuple[Copy, list[int], str]] = []

    def add(self, copy: Copy) -> None:
        """Reseal what a copy lacks, and write when enough is together. Raises StorageError, OSError: of the tier, not of the copy."""
        want = wanted(self._archive, copy.aip_id)
        if want is None:
            return
        try:
            found = verify_copy(self._archive, copy, self._archive.catalog.holdings.inventories([copy.aip_id])[copy.aip_id])
        except Cold:  # a version before lies on a cartridge that is out: this one waits for it, the others need not
            return
        if numbers := lacking(found, want):
            self._reseal(copy, want, numbers)
        if sum(version.bytes for version in self._versions) >= TOGETHER:
            self.write()

    def _reseal(self, copy: Copy, want: Wanted, numbers: list[int]) -> None:
        try:
            with ExitStack() as mine:
                versions, source = mine.enter_context(resealed(self._archive, want, numbers, without=self._name))
                self._folders.push(mine.pop_all())
        except (StorageError, OSError) as error:
            _log.warning("%s cannot be brought to tier %s now: %s", copy.aip_id, self._name, error)
            return
        self._versions += versions
        self._told.append((copy, numbers, source))

    def write(self) -> None:
        """Write what is together. Raises StorageError."""
        if self._versions:
            written = self._tier.write(self._versions)
            failed = {each.object_id for each in written if each.error is not None}
            for copy, numbers, source in self._told:
                if copy.aip_id not in failed:
                    ledger_of(self._archive).brought(copy, numbers, source)
            for each in written:
                if isinstance(each.error, CLOSED):
                    raise each.error
        self.close()

    def close(self) -> None:
        """Remove the folders."""
        self._versions, self._told = [], []
        self._folders.close()
