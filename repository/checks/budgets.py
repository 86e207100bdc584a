"""How much, and when, the policy lets audits of a tier read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import overload

from policies.phrases import phrase
from repository.archive import Archive
from repository.checks.canaries import EVENT as CANARY_CHECK

__all__ = ["CLOCK_SLACK", "STEP_BYTES", "left_today", "pause", "set_back"]

CLOCK_SLACK = timedelta(minutes=5)
"""By how much a clock may be put right without anything being said of it."""

STEP_BYTES = 1 << 30
"""Bytes of one audit step: a step interrupted by a crash is done again, so it should cost seconds, not hours."""


@overload
def left_today(archive: Archive, tier: str, now: datetime) -> int: ...
@overload
def left_today(archive: Archive, tier: str, now: datetime, none: None) -> int | None: ...
def left_today(archive: Archive, tier: str, now: datetime, none: int | None = STEP_BYTES) -> int | None:
    """Bytes that the policy still lets audits of ``tier`` read ``now``, of what it allows in any 24 hours. What is due and not read stays
    due, and is counted as overdue; a copy larger than what is left is read when anything is left, so it cannot starve."""
    limit = archive.policy.audit(tier).bytes_per_day
    if limit is None:
        return none
    return limit - archive.catalog.checks.bytes_since(tier, now - timedelta(days=1), now)


def set_back(started: datetime, now: datetime) -> bool:
    """Whether the clock was set back behind the begin of an audit: what it reads now would count as read before, and be read for ever."""
    return now < started - CLOCK_SLACK


def pause(archive: Archive, tier: str, now: datetime) -> str:
    """Why audits of what is due on ``tier`` do not read ``now`` (a phrase), "" when they may. What waits stays due, and is counted."""
    audit = archive.policy.audit(tier)
    if audit.quiet is not None and (end := audit.quiet.until(now)):
        return phrase("audit-quiet", until=f"{end:%H:%M}")
    if audit.time_per_day is not None:
        steps = archive.catalog.events.about(CANARY_CHECK, tier, now - timedelta(days=1), now)
        spent = timedelta(milliseconds=sum(int(step.detail.get("milliseconds", 0)) for step in steps))
        if spent >= audit.time_per_day:
            return phrase("audit-time-used")
    if left_today(archive, tier, now) <= 0:
        return phrase("audit-bytes-used")
    return ""
