"""Placement: on which tiers the copies of everything are, on which they should be after the policy, and what that would move.

A changed policy moves no copy by itself. The plan says what it would; applying it makes the missing copies first, by the job that
brings all missing copies, and lets go of a copy on a tier that is no longer promised only when as many copies as were promised
have been read again whole in the very same step.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from policies.audits import FULL
from policies.copies import safety
from repository.archive import Archive
from repository.checks.audit import record_of, verify_copy
from repository.checks.following import follow_policy
from repository.checks.forecast import speed
from repository.ledger.events import ledger_of
from repository.model import Copy, CopyState
from repository.progress import Progress
from storage.errors import NotFound, StorageError
from storage.tier import ObjectId, SequentialTier

__all__ = ["Plan", "PlannedTier", "announce", "plan", "release_some"]

_log = logging.getLogger("kho.copies")

STEP = 500
"""Objects that are looked at in one query."""

STEP_RELEASES = 20
"""Copies let go of in one step: for each, all promised copies are read again."""


@dataclass(frozen=True, slots=True)
class PlannedTier:
    """What is to happen on one tier: copies to be made, and copies that are no longer promised; with their bytes.

    ``make_seconds`` is how long it takes to read back what is made, at the speed that was measured on this tier, else on the slowest of the
    others (None: on none of late): writing takes as long at least. ``mounts`` is how many media that are wound have to be
    mounted for it (0 for others, None: not known)."""

    name: str
    make: int = 0
    make_bytes: int = 0
    make_seconds: int | None = 0
    mounts: int | None = 0
    release: int = 0
    release_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What the policy in force would move, by tier."""

    tiers: tuple[PlannedTier, ...]

    @property
    def empty(self) -> bool:
        return not any(tier.make or tier.release for tier in self.tiers)


def plan(archive: Archive) -> Plan:
    """Counted from the catalog, which follows the policy first: nothing else does."""
    archive = archive.in_force()
    follow_policy(archive)
    promised = _promised(archive)
    lines, now = {name: PlannedTier(name) for name in archive.tiers}, archive.clock.now()
    for name in archive.policy.tiers:
        count, size = archive.catalog.placements.lacking(name, promised)
        lines[name] = _to_be_made(archive, lines[name], count, size, now)
    for name, count, size in archive.catalog.placements.beyond(promised):
        lines[name] = replace(lines.get(name, PlannedTier(name)), release=count, release_bytes=size)
    return Plan(tuple(lines[name] for name in sorted(lines)))


def _promised(archive: Archive) -> dict[str, tuple[str, ...]]:
    return {name: each.tiers for name, each in archive.policy.promises.items()}


def _to_be_made(archive: Archive, line: PlannedTier, count: int, size: int, now: datetime) -> PlannedTier:
    if not size:
        return replace(line, make=count)
    speeds = {tier: found for tier in archive.tiers if (found := speed(archive, tier, now))}
    pace = speeds.get(line.name) or min(speeds.values(), default=None)
    tier = archive.tiers.get(line.name)
    return replace(
        line,
        make=count,
        make_bytes=size,
        make_seconds=None if pace is None else math.ceil(size / pace),
        mounts=tier.mounts_for(size) if isinstance(tier, SequentialTier) else 0,
    )


def announce(archive: Archive, progress: Progress) -> int:
    """Enter a copy of everything on every tier that is promised to it and on which it has none: promised, and not there yet. How many."""
    follow_policy(archive)
    count, now = 0, archive.clock.now()
    progress.start("plan", None, "objects")
    promised = _promised(archive)
    for name in archive.policy.tiers:
        while lacking := archive.catalog.placements.lacking_ids(name, promised, limit=STEP):
            archive.catalog.copies.put(
                Copy(aip_id, name, version, CopyState.ABSENT, None, None, now, size, 0) for aip_id, version, size in lacking
            )
            count += len(lacking)
            progress.advance(len(lacking))
    progress.finish()
    return count


def release_some(archive: Archive, after: Sequence[str], progress: Progress) -> dict[str, Any]:
    """One step: let go of some copies that are no longer promised. {"released", "kept", "cursor"}: "kept" are those that stay, since
    not every promised copy was found good; "cursor" is None at the end."""
    promised = _promised(archive)
    found = archive.catalog.placements.beyond_ids(promised, after=tuple(after), limit=STEP_RELEASES)
    released = kept = 0
    progress.start("release", len(found), "objects")
    for aip_id, tier in found:
        if tier in archive.tiers and _safe_without(archive, aip_id) and _release(archive, aip_id, tier):
            released += 1
        else:
            kept += 1
        progress.advance(1)
    progress.finish()
    return {"released": released, "kept": kept, "cursor": list(found[-1]) if len(found) == STEP_RELEASES else None}


def _safe_without(archive: Archive, aip_id: str) -> bool:
    """Whether a copy on every promised tier is whole, read again now."""
    copies = archive.catalog.copies.of(aip_id)
    promise, newest = archive.policy.copies_of(copies[0].collection), max(copy.version for copy in copies)
    if not safety(copies, promise, version=newest).complete:
        return False
    expected = archive.catalog.holdings.inventories([aip_id])[aip_id]
    records = []
    for copy in copies:
        if copy.tier not in promise.tiers:
            continue
        try:
            records.append(record_of(archive, copy, verify_copy(archive, copy, expected), FULL))
        except StorageError as error:
            _log.warning("%s on tier %s could not be read again: %s", aip_id, copy.tier, error)
            return False
    with archive.catalog.begin() as transaction:
        archive.catalog.copies.record(records, within=transaction)
        ledger_of(archive).checked(records, within=transaction)
    return all(record.state is CopyState.GOOD for record in records)


def _release(archive: Archive, aip_id: str, tier: str) -> bool:
    """Let go of one copy: on the tier, then in the catalog, with an event."""
    try:
        archive.tiers[tier].forget(ObjectId(aip_id))
    except NotFound:
        pass  # a step that was stopped did it
    except StorageError as error:
        _log.warning("%s could not be let go of on tier %s: %s", aip_id, tier, error)
        return False
    ledger = ledger_of(archive)
    event = ledger.event("deletion", "success", detail={"copy": "not promised any more"})
    with archive.catalog.begin() as transaction:
        archive.catalog.placements.remove(aip_id, tier, within=transaction)
        ledger.append([replace(event, aip_id=aip_id, tier=tier)], within=transaction)
    return True
