"""Copies as services of the engine: re-reading them, repairing them, having them where the policy wants them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from repository.archive import Archive
from repository.checks.audit import AuditReport, AuditScope
from repository.copies.placement import Plan, plan
from repository.copies.repair import RepairReport
from repository.copies.sweeping import SweepReport, sweep
from repository.flow_names import AUDIT, COPIES, REPAIR
from repository.progress import Progress
from repository.shown import Shown
from storage.verifiers import POOL_FROM

if TYPE_CHECKING:
    from repository.jobs.service import Jobs  # DBOS costs half a second: only those who run jobs load it

__all__ = ["Audits", "Copies", "PlacementReport"]


class Audits:
    """Re-reading copies. ``jobs`` gives what runs them, which takes its time when it is asked for the first time."""

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._jobs = jobs

    def run(
        self,
        *,
        due: bool = False,
        everything: bool = False,
        aip: str | None = None,
        tier: str | None = None,
        progress: Progress,
    ) -> AuditReport:
        """Audit what is due (the default), everything, one AIP or one tier, and wait. Raises `UnknownAip`, `UnknownTier`."""
        if aip:
            self._archive.catalog.holdings.get(aip)
        scope = AuditScope(everything=everything or bool(tier and not due), aip=aip or "", tier=tier or "")
        if tier:
            self._archive.tier(tier)
        if scope.everything and not aip and self._archive.catalog.holdings.more_than(POOL_FROM):
            self._archive.verifiers.start()  # they get ready while the machine that runs jobs is loaded
        argument = {**scope.as_json(), "actor": self._archive.actor}
        result = self._jobs().run(AUDIT, f"audit:{uuid.uuid4()}", argument, progress=Shown(progress))
        progress.finish()
        report = AuditReport()
        report.merge(result)
        started = datetime.fromisoformat(result["started"])
        report.damages = list(self._archive.catalog.copies.damages(aip_id=aip, tier=tier, since=started))
        report.overdue = self._archive.catalog.copies.overdue(self._archive.clock.now())
        return report


class Copies:
    """The copies themselves."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def repair(self, aip_id: str | None = None, *, progress: Progress) -> RepairReport:
        """Repair every copy that is not known to be good; of one AIP every copy, for whoever names it wants it looked at. Waits.

        Raises `UnknownAip`.
        """
        if aip_id:
            self._archive.catalog.holdings.get(aip_id)
        tiers = [] if aip_id else list(self._archive.policy.tiers)
        argument = {"aip": aip_id or "", "tiers": tiers, "actor": self._archive.actor}
        result = self._jobs.run(REPAIR, f"repair:{uuid.uuid4()}", argument, progress=Shown(progress))
        progress.finish()
        return RepairReport.of(result)

    def plan(self) -> Plan:
        """What the policy in force would move."""
        return plan(self._archive)

    def apply(self, *, release: bool, progress: Progress) -> PlacementReport:
        """Make the copies that the policy promises and that are not there, and wait; then, with ``release``, let go of those that it
        promises no more, where everything promised was read again and is whole."""
        argument = {"release": release, "actor": self._archive.actor}
        result = self._jobs.run(COPIES, f"copies:{uuid.uuid4()}", argument, progress=Shown(progress))
        progress.finish()
        counts = {name: int(result[name]) for name in ("announced", "released", "kept")}
        return PlacementReport(**counts, repair=RepairReport.of(result["repair"]))

    def sweep(self, tier: str, *, profile: str, age: timedelta, apply: bool, progress: Progress) -> SweepReport:
        """List, or with ``apply`` remove for good, what is left over in a bucket. Done here and now, and never as a job: the worker must
        not have the credential that ``profile`` names. Raises `UnknownTier`, `NotABucket`, Unavailable, Refused."""
        return sweep(self._archive, tier, profile=profile, age=age, apply=apply, progress=progress)


@dataclass(frozen=True, slots=True)
class PlacementReport:
    """What applying a plan did: copies that were promised anew, that were let go of, and that stay although no longer promised, because
    not every promised copy was found good; and what was brought."""

    announced: int
    released: int
    kept: int
    repair: RepairReport
