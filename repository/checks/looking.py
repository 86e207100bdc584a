"""Looking: between two readings of a copy, whether all its files are there in their size. Cheap, and never a check: what is seen says
nothing of bytes, does not count as one, and puts off no reading. Where anything looks other than when the copy was last read, it is read
in the same step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from policies.audits import FULL, next_look
from policies.findings import said
from policies.phrases import phrase
from repository.archive import Archive
from repository.checks.audit import AuditReport, check_copies
from repository.checks.budgets import pause, set_back
from repository.checks.canaries import CanaryCount, checks_of, record
from repository.ledger.events import ledger_of
from repository.model import Copy
from repository.progress import Progress
from storage.errors import Unavailable
from storage.tier import GlancingTier, ObjectId

__all__ = ["LOOKED", "STEP_LOOKS", "look_some"]

LOOKED = "presence check"
"""The type of the event that tells of looks: one a step and tier, with counts (the PREMIS vocabulary has no word for it)."""

STEP_LOOKS = 5_000
"""Copies of one step: a look takes a few calls of the system a file."""


def look_some(archive: Archive, started: str, skip: Sequence[str], progress: Progress, *, tier: str = "") -> dict[str, Any]:
    """One step of an audit that began at ``started``: the next copies that are due to be looked at, of all tiers or of one, but for those
    to ``skip``. Returns counts as `audit_some` does, and "looked": how many were looked at; 0 means that nothing is left."""
    since, now = datetime.fromisoformat(started), archive.clock.now()
    postponed: dict[str, str] = {}
    away: dict[str, str] = {}
    for name in () if set_back(since, now) else [tier] if tier else archive.tiers:
        if name in skip or not (copies := archive.catalog.looks.due(name, since, limit=STEP_LOOKS)):
            continue
        if why := _hindrance(archive, name, now):
            postponed[name] = why
            continue
        try:
            off, canaries = _look(archive, copies)
        except Unavailable as error:
            away[name] = said(error.finding)
            continue
        report = check_copies(archive, off, progress, full=False)
        return _with(report, looked=len(copies), postponed=postponed, away=away, canaries={name: canaries.as_json()})
    return _with(AuditReport().as_json(), looked=0, postponed=postponed, away=away, canaries={})


def _with(
    report: dict[str, Any], *, looked: int, postponed: dict[str, str], away: dict[str, str], canaries: dict[str, Any]
) -> dict[str, Any]:
    """What the reading of copies that looked wrong gave, with what was seen. The canaries of looks stand beside those that were read."""
    return {
        **report,
        "looked": looked,
        "looked_canaries": canaries,
        "postponed": {**report["postponed"], **postponed},
        "unavailable": {**report["unavailable"], **away},
    }


def _hindrance(archive: Archive, tier: str, now: datetime) -> str:
    """Why nothing can be looked at on a tier ``now``; "" when it can."""
    return pause(archive, tier, now) if isinstance(archive.tiers[tier], GlancingTier) else phrase("audit-no-look")


VISIBLE = ("sound", "missing", "extra")
"""Kinds of canaries of which a look must see whether they are as they should be; it is not to be blamed for the others."""


def _look(archive: Archive, copies: Sequence[Copy]) -> tuple[list[Copy], CanaryCount]:
    """Look at copies of one tier and record what was seen: those at which something was off, which are not recorded but to be read; and
    whether canaries among them were seen as what they are. Raises Unavailable."""
    tier, now = archive.tiers[copies[0].tier], archive.clock.now()
    assert isinstance(tier, GlancingTier)
    known = archive.catalog.looks.last_read(copies)
    inventories = archive.catalog.holdings.inventories([copy.aip_id for copy in copies])
    off: list[Copy] = []
    counts: Counter[str] = Counter()
    seen = []
    for copy in copies:
        found = tier.glance(ObjectId(copy.aip_id), inventories[copy.aip_id])
        counts.update({"files": found.files, "bytes": found.bytes})
        if found.off or known.get(copy.aip_id, (1, copy.files, copy.bytes)) != (copy.version, found.files, found.bytes):
            off.append(copy)
        else:
            seen.append((copy.aip_id, next_look(archive.policy, copy.tier, now, collection=copy.collection)))
    canaries = _canaries(archive, tier)
    ledger = ledger_of(archive)
    event = ledger.event(LOOKED, "warning" if off else "success", detail={"copies": len(copies), "off": len(off), **counts})
    with archive.catalog.begin() as transaction:
        archive.catalog.looks.record(tier.name, seen, now, within=transaction)
        ledger.append([replace(event, tier=tier.name)], within=transaction)
        record(archive, {tier.name: canaries}, {}, 0, within=transaction)
    return off, canaries


def _canaries(archive: Archive, tier: GlancingTier) -> CanaryCount:
    count = CanaryCount()
    for one, check in checks_of(archive, [tier.name], FULL):
        if one.kind in VISIBLE and isinstance(check.tier, GlancingTier):
            count.planted += 1
            if bool(check.tier.glance(check.object_id, check.expected).off) == (one.kind != "sound"):
                count.found += 1
            else:
                count.missed = (*count.missed, one.kind)
    return count
