"""What programs see of tiers and of where copies are: the shapes that docs/cli.md describes."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from repository.archive import Archive
from repository.copies.placement import Plan
from repository.copies.sweeping import SweepReport
from repository.reports.fixity import FixitySummary
from repository.services.copies import PlacementReport
from repository.settings.home import TierPlace
from repository.views.records import fixity, repair

__all__ = ["applied", "planned", "swept", "tiers"]

Document = dict[str, Any]


def tiers(archive: Archive, summary: FixitySummary) -> Document:
    """Every tier of kho.toml: where it is, whether it answers, room, and its copies."""
    known = {each["name"]: each for each in fixity(summary)["tiers"]}
    return {"tiers": [_tier(archive, place, known[place.name]) for place in archive.settings.tiers]}


def _tier(archive: Archive, place: TierPlace, known: Document) -> Document:
    names = ("reachable", "unreachable", "copies", "bytes", "good", "overdue", "never_checked", "oldest_check")
    return {
        "name": place.name,
        "kind": place.kind,
        "place": place.shown,
        "site": place.place.site,
        "medium": place.place.medium,
        "promised": place.name in archive.policy.tiers,
        "lock_days": archive.policy.worm.get(place.name, timedelta()).days or None,
        "free": _free(place) if known["reachable"] else None,
        **{name: known[name] for name in names},
    }


def _free(place: TierPlace) -> int | None:
    """Bytes that are free; None where that is not known (a bucket has no end, cartridges are bought)."""
    if place.kind != "local":
        return None
    try:
        disk = os.statvfs(Path(place.path))
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def planned(plan: Plan) -> Document:
    fields = ("name", "make", "make_bytes", "make_seconds", "mounts", "release", "release_bytes")
    return {"tiers": [{name: getattr(tier, name) for name in fields} for tier in plan.tiers]}


def applied(report: PlacementReport) -> Document:
    counts = {"announced": report.announced, "released": report.released, "kept": report.kept}
    return {**counts, "repair": repair(report.repair)}


def swept(report: SweepReport) -> Document:
    counts = {"uploads": report.found["upload"], "leftovers": report.found["leftover"], "let_go": report.found["let go"]}
    return {
        "tier": report.tier,
        "applied": report.applied,
        "before": report.before.isoformat(),
        **counts,
        "bytes": report.bytes,
        "removed": report.removed,
        "removed_bytes": report.removed_bytes,
        "kept": dict(report.kept),
        "passed_over": report.passed_over,
        "disposed": report.disposed,
    }
