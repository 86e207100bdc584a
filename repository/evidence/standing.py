"""How evidence stands: everything that somebody has to know of it now, for the plan and the attention list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from policies.findings import Finding
from repository.archive import Archive
from repository.evidence.planning import Due
from repository.evidence.rehashing import waiting
from repository.evidence.roots import no_longer_named

__all__ = ["standing"]


def standing(archive: Archive, rows: Iterable[Due], now: datetime) -> Iterator[Finding]:
    """Of every tree, then of the archive."""
    for each in rows:
        yield from each.findings(now)
    yield from waiting(archive)
    for name in no_longer_named(archive):
        yield Finding("EVD-ROOTS-KEPT", name)
