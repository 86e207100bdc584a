"""How copies are audited: the sections [audit.*] of policy.toml, and those of collections, which may set other periods."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from policies.document import Section
from policies.hours import VIETNAM, Hours, hours, offset
from policies.phrases import phrase

__all__ = ["WHOLE_HOLDING", "AuditPolicy", "read_audits", "read_periods"]

_DAY = timedelta(days=1)

WHOLE_HOLDING = timedelta(days=3 * 365)
"""Within this time everything must have been checked once: Circular 05/2025/TT-BNV, article 28."""

LOOK_LEAST = timedelta(hours=1)
"""Looking more often than the worker does would be a promise that is not kept."""


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """How one tier is audited. A copy is re-read ``every`` so often, with SHA-512 (the digest OCFL stands on) at least once in
    ``full_every``; a copy that was not found good is looked at again after ``retry``. ``look_every`` is how often it is seen, between
    two readings, whether all files are there in their size (None: never). ``bytes_per_day`` and ``time_per_day`` None are no limits; in
    the ``quiet`` hours audits of what is due do not read."""

    every: timedelta
    full_every: timedelta
    retry: timedelta
    look_every: timedelta | None = None
    bytes_per_day: int | None = None
    time_per_day: timedelta | None = None
    quiet: Hours | None = None

    @property
    def open_per_day(self) -> timedelta:
        """How much of a day audits may read at most."""
        left = _DAY - (self.quiet.length if self.quiet else timedelta(0))
        return left if self.time_per_day is None else min(left, self.time_per_day)


def read_audits(section: Section, known: Collection[str]) -> tuple[AuditPolicy, dict[str, AuditPolicy]]:
    """[audit.default], and [audit.TIER] by tier. Raises the document's error, as do all below."""
    base = AuditPolicy(every=90 * _DAY, full_every=365 * _DAY, retry=_DAY)
    default = _audit(section.section("default"), base)
    by_tier: dict[str, AuditPolicy] = {}
    for tier in section.names():
        if tier == "default":
            continue
        if tier not in known:
            raise section.section(tier).fail("TIER", "", tier=tier, known=", ".join(sorted(known)))
        by_tier[tier] = _audit(section.section(tier), default)
    section.done()
    return default, by_tier


def _audit(section: Section, base: AuditPolicy) -> AuditPolicy:
    audit = replace(
        base,
        bytes_per_day=section.size("bytes_per_day") if "bytes_per_day" in section else base.bytes_per_day,
        time_per_day=section.duration("time_per_day", _DAY) if "time_per_day" in section else base.time_per_day,
        quiet=_quiet(section, base.quiet),
    )
    section.allow(["bytes_per_day", "time_per_day", "quiet", "utc_offset"])
    return read_periods(section, audit)


def read_periods(section: Section, base: AuditPolicy) -> AuditPolicy:
    """``base`` with the periods of ``section``, which may say nothing else: what a tier is given to read in a day, and when, it is given
    for all collections together."""
    audit = replace(
        base,
        every=section.duration("every", base.every),
        full_every=section.duration("full_every", base.full_every),
        retry=section.duration("retry", base.retry),
        look_every=_look(section, base.look_every),
    )
    section.allow(["look_every"])
    section.done()
    if audit.every > WHOLE_HOLDING:
        raise section.bad("every", phrase("pol-three-years"))
    if audit.full_every < audit.every:
        raise section.bad("full_every", phrase("pol-full-every", days=audit.full_every.days))
    if audit.look_every is not None and not LOOK_LEAST <= audit.look_every < audit.every:
        raise section.bad("look_every", phrase("pol-look-every"))
    return audit


def _look(section: Section, base: timedelta | None) -> timedelta | None:
    """ "" takes back what the default says."""
    if "look_every" not in section:
        return base
    return section.duration("look_every") if section.text("look_every") else None


def _quiet(section: Section, base: Hours | None) -> Hours | None:
    """ "" takes back the hours of the default."""
    against = section.parsed("utc_offset", base.offset if base else VIETNAM, offset)
    if "quiet" not in section:
        return replace(base, offset=against) if base else None
    if not section.text("quiet"):
        return None
    start, end = section.parsed("quiet", None, hours)
    return Hours(start, end, against)
