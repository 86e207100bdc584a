"""How evidence stands: everything that somebody has to know of it now, for the plan and the attention list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from policies.findings import Finding
from policies.phrases import phrase
from repository.archive import Archive
from repository.evidence.pending import pending_findings
from repository.evidence.planning import Due
from repository.evidence.rehashing import waiting
from repository.evidence.roots import no_longer_named
from repository.settings.authorities import DEMO

__all__ = ["standing"]

MOST = 1_000
"""Versions without a batch that are counted."""

SLACK = timedelta(days=1)
"""How long after its batch was due a version may be without one before somebody is told: an authority may be away for a day."""


def standing(archive: Archive, rows: Iterable[Due], now: datetime) -> Iterator[Finding]:
    """Of every tree, then of the archive."""
    for each in rows:
        yield from each.findings(now)
    yield from waiting(archive)
    yield from pending_findings(archive, now)
    yield from _unproved(archive, now)
    for name in no_longer_named(archive):
        yield Finding("EVD-ROOTS-KEPT", name)


def _unproved(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Versions that should be in a batch by now and are in none: no authority is named or answers, nothing runs, or they cannot be read."""
    left = archive.catalog.evidence.waiting(now - archive.policy.evidence.every - SLACK, MOST + 1)
    if left.count:
        named = any(place.url != DEMO for place in archive.settings.authorities)
        reason = phrase("unproved-not-made" if named else "unproved-no-authority")
        since = f"{left.oldest:%Y-%m-%d}" if left.oldest else "-"
        count = f"{left.count}" if left.count <= MOST else f"{MOST}+"
        yield Finding("EVD-UNPROVED", args={"count": count, "since": since, "id": left.id, "reason": reason})
