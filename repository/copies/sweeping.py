"""Sweeping a bucket: what Kho hid there and may not delete is removed by somebody who may, with a credential that only this call has.

The bucket says what is left over; that an object was let go of is believed when catalog and ledger say so too, for whoever has the everyday
credential can write into the bucket, and must not make an officer delete what is wanted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from repository.archive import Archive
from repository.errors import NotABucket
from repository.ledger.events import ledger_of
from repository.progress import Progress
from storage.errors import Refused
from storage.tier import ObjectId

__all__ = ["LEAST_AGE", "SweepReport", "sweep"]

LEAST_AGE: Final = timedelta(days=1)
"""What is younger is never swept: a writer may be on the way, and clocks differ."""

TOLD: Final = 100
"""Things of each kind of trouble that a report names; all are counted."""


@dataclass(slots=True)
class SweepReport:
    """Keys that a sweep found, by kind ("upload", "leftover", "let go"), and how much of it was removed. ``kept`` are those that could not
    be (locked, or not allowed), by reason; ``unsure`` objects that were passed over (the first, with the reason), ``passed_over`` how many;
    ``disposed`` how many objects are wholly gone now."""

    tier: str
    before: datetime
    applied: bool
    found: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    removed: int = 0
    removed_bytes: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    unsure: dict[str, str] = field(default_factory=dict)
    passed_over: int = 0
    disposed: int = 0


def sweep(archive: Archive, tier_name: str, *, profile: str, age: timedelta, apply: bool, progress: Progress) -> SweepReport:
    """List what may be removed from a tier in a bucket, and with ``apply`` remove it, by the credential that ``profile`` names.

    Raises `UnknownTier`, `NotABucket`, Unavailable, Refused.
    """
    archive.tier(tier_name)
    place = archive.settings.tier(tier_name)
    if place.s3 is None:
        raise NotABucket(tier_name, ", ".join(each.name for each in archive.settings.tiers if each.s3))
    from storage.s3.sweeping import Unsure
    from storage.s3.tier import S3Tier

    tier = S3Tier(replace(place.s3, profile=profile), tier_name, identifier=place.uuid or None)
    report = SweepReport(tier_name, archive.clock.now() - max(age, LEAST_AGE), apply)
    known = _Known(archive, tier_name)
    gone: Counter[str] = Counter()
    held: set[str] = set()
    progress.start("sweep", None, "objects")
    try:
        for found in tier.sweep(report.before, vouched=known.was_let_go, expected=known.newest_at):
            if isinstance(found, Unsure):
                report.passed_over += 1
                if len(report.unsure) < TOLD:
                    report.unsure[found.place] = str(found.error)
                continue
            report.found[found.kind.value] += 1
            report.bytes += found.size
            if not apply:
                continue
            try:
                tier.remove(found)
            except Refused as error:
                report.kept[str(error.finding.args.get("reason", ""))] += 1
                held.add(found.object_id)
            else:
                report.removed += 1
                report.removed_bytes += found.size
                gone[found.object_id] += 1
            progress.advance(1)
    finally:
        tier.close()
        progress.finish()
        gone.pop("", None)  # what belonged to no object that was let go of
        report.disposed = len(gone.keys() - held)
        if report.removed:  # removed is removed, also where it then went wrong
            _tell(archive, report, gone)
    return report


def _tell(archive: Archive, report: SweepReport, gone: Mapping[str, int]) -> None:
    """One event an object of which keys were removed, and one for the whole."""
    ledger = ledger_of(archive)
    events = [
        replace(ledger.event("deletion", "success", detail={"keys": count}), aip_id=object_id, tier=report.tier)
        for object_id, count in gone.items()
    ]
    detail = {"removed": report.removed, "bytes": report.removed_bytes, "kept": report.kept.total()}
    ledger.append([*events, replace(ledger.event("sweep", "success", detail=detail), tier=report.tier)])


class _Known:
    """What catalog and ledger know of a tier's objects."""

    def __init__(self, archive: Archive, tier: str) -> None:
        self._archive = archive
        self._tier = tier
        self._newest: dict[bytes, int] | None = None

    def was_let_go(self, object_id: str) -> bool:
        """No copy is known on this tier any more, and the ledger tells that it was let go of there."""
        if any(copy.tier == self._tier for copy in self._archive.catalog.copies.of(object_id)):
            return False
        events = self._archive.catalog.events.for_aip(object_id)
        return any((event.type, event.outcome, event.tier) == ("deletion", "success", self._tier) for event in events)

    def newest_at(self, place: str) -> int:
        """The newest version of whatever the catalog expects at a place; asked for rarely, and then worked out for all at once (eight bytes
        of a digest each)."""
        if self._newest is None:
            tier, copies = self._archive.tiers[self._tier], self._archive.catalog.copies
            self._newest = {
                _short(tier.place_of(ObjectId(object_id))): max(
                    (copy.version for copy in copies.of(object_id) if copy.tier == self._tier), default=0
                )
                for object_id in self._archive.catalog.placements.on(self._tier)
            }
        return self._newest.get(_short(place), 0)


def _short(place: str) -> bytes:
    return hashlib.blake2b(place.encode(), digest_size=8).digest()
