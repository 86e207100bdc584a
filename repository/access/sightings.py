"""Sightings: what reading for another purpose (handing out) saw of a copy. It is entered as found, so that the copy is due for a whole
check, and for repair, at once; and nobody has to wait for the audit to come round.

A tier that cannot be asked says nothing of its copies; a file that is not on a copy which was never made is no news.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from fixity.errors import CouldNotRead
from fixity.verify import Outcome
from policies.findings import said
from policies.phrases import os_phrase
from repository.archive import Archive
from repository.catalog import CatalogError
from repository.ledger.events import ledger_of
from repository.model import Damage
from storage.errors import NotFound, Unavailable

__all__ = ["Sightings", "blocks"]

_log = logging.getLogger("kho.sightings")


def blocks(stream: BinaryIO, path: str, size: int = LARGE_BUFFER) -> Iterator[bytes]:
    """What a stored file holds, block by block. Raises `CouldNotRead` for an error of the medium, which is then not one of whatever
    the bytes are written to."""
    while True:
        try:
            block = stream.read(size)
        except OSError as error:
            raise CouldNotRead(path, os_phrase(error)) from error
        if not block:
            return
        yield block


@dataclass
class Sightings:
    """What was seen of one AIP's copies ``during`` an event ("dissemination"); `enter` makes it known."""

    archive: Archive
    aip_id: str
    during: str
    seen: list[Damage] = field(default_factory=list)
    away: dict[str, str] = field(default_factory=dict)
    """Tiers that could not be asked, and why: no sighting."""

    def altered(self, tier: str, path: str, expected: bytes, found: bytes) -> None:
        """The bytes at ``path`` (from the object's root) have another digest (SHA-512)."""
        self._add(tier, path, Outcome.ALTERED, expected, found.hex())

    def failed(self, tier: str, path: str, expected: bytes, error: Exception) -> None:
        """The bytes at ``path`` could not be had."""
        if isinstance(error, NotFound):
            self._add(tier, path, Outcome.MISSING, expected, "")
        elif isinstance(error, Unavailable):
            self.away[tier] = f"{tier}: {said(error.finding)}"
        else:
            self._add(tier, path, Outcome.UNREADABLE, expected, str(error))

    def _add(self, tier: str, path: str, outcome: Outcome, expected: bytes, found: str) -> None:
        self.seen.append(Damage(self.aip_id, tier, path, outcome.value, expected.hex(), found))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Enter what was seen when the block ends, however it ends."""
        try:
            yield
        finally:
            self.enter()

    def enter(self) -> None:
        """Bring the copies to what was seen, with one event each; what is known already stays as it stands.

        A catalog that cannot be written is no reason to hand out less, so that only stands in the log."""
        seen, self.seen = self.seen, []
        for tier in dict.fromkeys(damage.tier for damage in seen):
            mine = [damage for damage in seen if damage.tier == tier]
            _log.error("%s on tier %s is not as it was kept: %s", self.aip_id, tier, mine[0].path)
            try:
                self._enter(tier, mine)
            except CatalogError as error:
                _log.error("what was seen of %s on tier %s could not be entered: %s", self.aip_id, tier, error)

    def _enter(self, tier: str, damages: Sequence[Damage]) -> None:
        catalog, now = self.archive.catalog, self.archive.clock.now()
        with catalog.begin() as transaction:
            version, new = catalog.copies.seen(self.aip_id, tier, damages, now, within=transaction)
            if new:
                ledger_of(self.archive).seen(new, version, self.during, within=transaction)
