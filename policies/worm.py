"""Write-once: for how long each copy on a tier is promised not to be given up, and that no promise outlives the record's own end."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from policies.document import Section
from policies.phrases import phrase

__all__ = ["AUDITS_WITHIN", "lock_until", "parse_worm"]

AUDITS_WITHIN = 2
"""A lock lasts for at least so many audits: it is made longer by each that finds the copy good, and one may come late."""


def lock_until(now: datetime, period: timedelta, disposal: datetime | None = None) -> datetime:
    """Until when a copy that was found good ``now`` is locked. Never beyond ``disposal``, the date on which the record may be disposed
    of: a lock cannot be taken back, and the law may ask for the record to go."""
    end = now + period
    return end if disposal is None else min(end, disposal)


def parse_worm(section: Section, known: Collection[str], every: Callable[[str], timedelta]) -> dict[str, timedelta]:
    """``[worm.TIER] lock``: the period by tier. ``every`` is the longest in which any copy on a tier is re-read. Raises the document's
    error."""
    periods: dict[str, timedelta] = {}
    for tier in section.names():
        inner = section.section(tier)
        if tier not in known:
            raise inner.fail("TIER", "", tier=tier, known=", ".join(sorted(known)))
        periods[tier] = inner.duration("lock")
        if periods[tier] < AUDITS_WITHIN * every(tier):
            days = every(tier).days
            raise inner.bad("lock", phrase("worm-short", days=days))
        inner.done()
    section.done()
    return periods
