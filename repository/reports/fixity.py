"""Reports: what can be said of all copies, from what checks recorded. Figures are counts over the catalog, never estimates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.findings import said
from policies.phrases import phrase
from repository.archive import Archive
from repository.catalog import Members, TierSummary
from repository.checks.behind import Behind, behind
from repository.checks.comparison import COMPARED
from repository.checks.following import follow_policy
from repository.model import CopyState, Damage
from storage.errors import StorageError

__all__ = ["FixitySummary", "TierState", "fixity_summary", "tier_states"]

STUCK_AFTER = timedelta(hours=1)
"""An accepted deposit that nothing happened to for so long is not under way: keeping one batch takes minutes."""


@dataclass(frozen=True, slots=True)
class TierState:
    """The copies of one tier by what is known of them. ``unknown`` are those that nobody has read whole yet, ``absent`` those that
    are promised and not there; neither is good. Of a tier that cannot be reached (``unreachable`` says why; "" where it can), what
    was known to be good is unknown now. ``oldest_check`` is the oldest last check among all copies. ``strangers`` were found on it
    and are not in the catalog, when it was last ``compared`` with that (None: never)."""

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
    unreachable: str = ""
    strangers: int = 0
    compared: datetime | None = None

    @property
    def reachable(self) -> bool:
        return not self.unreachable


@dataclass(frozen=True, slots=True)
class FixitySummary:
    """The state of all copies at one moment. ``short`` AIPs have fewer verified good copies than the policy promises, on
    tiers that can be reached; ``policy`` is the digest of the policy that promises it.

    ``waiting`` deposits are accepted and in no AIP yet, because too few copies of them were verified; ``stuck`` of them say why, or
    nothing happened to them for `STUCK_AFTER`: they are not merely under way. ``behind`` says which of the ``damages`` are none, because
    the catalog is older than the tiers."""

    generated: datetime
    policy: str
    population: int
    short: int
    tiers: tuple[TierState, ...]
    damages: tuple[Damage, ...]
    waiting: int = 0
    stuck: int = 0
    behind: Behind = field(default_factory=Behind)


def tier_states(archive: Archive, now: datetime, members: Members | None = None) -> tuple[TierState, ...]:
    """What is known of each tier's copies ``now``: of all, or of those of some AIPs."""
    known = {summary.name: summary for summary in archive.catalog.copies.summary(now, members)}
    empty = (TierSummary(name, 0, 0, {}, 0, 0, None) for name in archive.tiers if name not in known)
    return tuple(_state(archive, summary) for summary in sorted([*known.values(), *empty], key=lambda each: each.name))


def fixity_summary(archive: Archive, now: datetime | None = None) -> FixitySummary:
    """The summary as of ``now`` (the present, when None), by the policy in force. Where collections are promised copies of their own the
    catalog follows it first, or collections of the policy before would be counted."""
    archive = archive.in_force()
    if not archive.policy.one_promise:
        follow_policy(archive)
    now = now or archive.clock.now()
    catalog = archive.catalog
    tiers = tier_states(archive, now)
    damages = tuple(catalog.copies.damages())
    waiting, stuck = catalog.deposits.short_of_copies(since=now - STUCK_AFTER)
    reached = {tier.name for tier in tiers if tier.reachable}
    return FixitySummary(
        generated=now,
        policy=archive.policy.digest,
        population=catalog.holdings.count(),
        short=catalog.copies.short(
            lambda collection, good: archive.policy.copies_of(collection).enough(good),
            [name for name in archive.policy.tiers if name in reached],
        ),
        tiers=tiers,
        damages=damages,
        waiting=waiting,
        stuck=stuck,
        behind=behind(archive, damages),
    )


def unreachable(archive: Archive, name: str) -> str:
    """Why a tier cannot be asked now; "" when it can."""
    if name not in archive.tiers:
        return phrase("tier-not-in-settings")
    try:
        archive.tiers[name].check()
    except StorageError as error:
        return said(error.finding)
    return ""


def _state(archive: Archive, summary: TierSummary) -> TierState:
    away = unreachable(archive, summary.name)
    good, unknown = summary.count(CopyState.GOOD), summary.count(CopyState.UNKNOWN) + summary.count(CopyState.WRITTEN)
    if away:
        good, unknown = 0, unknown + good
    compared = archive.catalog.events.latest(COMPARED, summary.name)
    return TierState(
        unreachable=away,
        strangers=0 if compared is None else int(compared.detail.get("strangers", 0)),
        compared=None if compared is None else compared.time,
        name=summary.name,
        copies=summary.copies,
        bytes=summary.bytes,
        good=good,
        damaged=summary.count(CopyState.DAMAGED),
        unreadable=summary.count(CopyState.UNREADABLE),
        unknown=unknown,
        absent=summary.count(CopyState.ABSENT),
        overdue=summary.overdue,
        never_checked=summary.never_checked,
        oldest_check=summary.oldest_check,
    )
