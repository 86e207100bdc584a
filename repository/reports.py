"""Reports: what can be said of all copies, from what checks recorded. Figures are counts over the catalog, never estimates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from repository.archive import Archive
from repository.catalog import TierSummary
from repository.model import CopyState, Damage

__all__ = ["FixitySummary", "TierState", "fixity_summary"]


@dataclass(frozen=True, slots=True)
class TierState:
    """The copies of one tier by what is known of them. ``unknown`` are those that nobody has read whole yet, ``absent`` those that
    are promised and not there; neither is good. ``oldest_check`` is the oldest last check among all copies."""

    name: str
    copies: int
    bytes: int
    good: int
    damaged: int
    unreadable: int
    unknown: int
    absent: int
    overdue: int
    never_checked: int
    oldest_check: datetime | None


@dataclass(frozen=True, slots=True)
class FixitySummary:
    """The state of all copies at one moment. ``short`` AIPs have fewer verified good copies than the policy promises; ``policy`` is
    the digest of the policy that promises it."""

    generated: datetime
    policy: str
    population: int
    short: int
    tiers: tuple[TierState, ...]
    damages: tuple[Damage, ...]


def fixity_summary(archive: Archive) -> FixitySummary:
    """The summary as of now."""
    now = archive.clock.now()
    catalog = archive.catalog
    known = {summary.name: summary for summary in catalog.copies.summary(now)}
    empty = (TierSummary(name, 0, 0, {}, 0, 0, None) for name in archive.tiers if name not in known)
    tiers = tuple(_state(summary) for summary in sorted([*known.values(), *empty], key=lambda each: each.name))
    return FixitySummary(
        generated=now,
        policy=archive.policy.digest,
        population=catalog.holdings.count(),
        short=catalog.copies.short(archive.policy.copies.need, archive.policy.copies.tiers),
        tiers=tiers,
        damages=tuple(catalog.copies.damages()),
    )


def _state(summary: TierSummary) -> TierState:
    return TierState(
        name=summary.name,
        copies=summary.copies,
        bytes=summary.bytes,
        good=summary.count(CopyState.GOOD),
        damaged=summary.count(CopyState.DAMAGED),
        unreadable=summary.count(CopyState.UNREADABLE),
        unknown=summary.count(CopyState.UNKNOWN) + summary.count(CopyState.WRITTEN),
        absent=summary.count(CopyState.ABSENT),
        overdue=summary.overdue,
        never_checked=summary.never_checked,
        oldest_check=summary.oldest_check,
    )
