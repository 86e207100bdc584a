"""Forecast: whether each tier's cycle of checks will fit, at the speed that was measured. No guess where nothing was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from policies.collections import NONE
from repository.archive import Archive
from repository.catalog import TierSummary
from repository.checks.canaries import EVENT

__all__ = ["MEASURED_OVER", "Forecast", "forecasts", "speed"]

MEASURED_OVER = timedelta(days=30)
"""How far back speed is measured."""

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Forecast:
    """One tier: ``need`` bytes a day must be read to check everything in time, ``every`` so many days what is in no collection,
    ``backlog`` bytes are overdue, ``speed`` is bytes a second of steps that were done (None: nothing measured yet), ``capacity`` bytes a
    day that speed and policy allow."""

    tier: str
    copies: int
    bytes: int
    every: float
    need: int
    backlog: int
    speed: int | None
    capacity: int | None

    @property
    def fits(self) -> bool | None:
        """Whether the cycle can be kept; None when that is not known."""
        return None if self.capacity is None else self.need <= self.capacity

    @property
    def days_left(self) -> int | None:
        """Days until what is overdue is read while new copies fall due; None when unknown or never."""
        if self.backlog == 0:
            return 0
        if self.capacity is None or self.capacity <= self.need:
            return None
        return math.ceil(self.backlog / (self.capacity - self.need))

    def as_json(self) -> dict[str, Any]:
        facts = {
            name: getattr(self, name) for name in ("tier", "copies", "bytes", "every", "need", "backlog", "speed", "capacity")
        }
        return {**facts, "fits": self.fits, "days_left": self.days_left}


def forecasts(archive: Archive, now: datetime) -> list[Forecast]:
    """One a tier of kho.toml, of what is due ``now``."""
    known = {summary.name: summary for summary in archive.catalog.copies.summary(now)}
    backlog = archive.catalog.copies.overdue_bytes(now)
    parts = archive.catalog.collections.bytes_on() if archive.policy.collections else {}
    return [
        _forecast(archive, known[name], parts or {(name, NONE): known[name].bytes}, backlog.get(name, 0), now)
        for name in archive.tiers
        if name in known
    ]


def _forecast(
    archive: Archive, known: TierSummary, parts: Mapping[tuple[str, str], int], backlog: int, now: datetime
) -> Forecast:
    """``parts`` are the bytes by tier and collection, each of which is read in its own period."""
    tier = known.name
    audit = archive.policy.audit(tier)
    need = sum(
        size * _DAY / archive.policy.audit(tier, collection).every.total_seconds()
        for (on, collection), size in parts.items()
        if on == tier
    )
    pace = speed(archive, tier, now)
    capacity = None if pace is None else int(pace * audit.open_per_day.total_seconds())
    if audit.bytes_per_day is not None:
        capacity = audit.bytes_per_day if capacity is None else min(capacity, audit.bytes_per_day)
    every = audit.every.total_seconds() / _DAY
    return Forecast(tier, known.copies, known.bytes, every, math.ceil(need), backlog, pace, capacity)


def speed(archive: Archive, tier: str, now: datetime) -> int | None:
    """Bytes a second over the steps of the last days until ``now``, each of which says how many bytes of the tier it read and how long it
    took."""
    events = archive.catalog.events.about(EVENT, tier, now - MEASURED_OVER, now)
    read, took = 0, 0
    for event in events:
        read += int(event.detail.get("bytes", 0))
        took += int(event.detail.get("milliseconds", 0))
    return None if took == 0 or read == 0 else max(1, read * 1000 // took)
