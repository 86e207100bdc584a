"""Campaigns as a service of the engine: run one, see how those before went, take one back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from repository.archive import Archive
from repository.errors import AccessPath, NoCampaign
from repository.flow_names import MIGRATE, ROLLBACK
from repository.flows import Shown
from repository.jobs.errors import UnknownJob
from repository.jobs.service import Jobs
from repository.progress import Progress
from repository.versions.batches import Order
from repository.versions.campaigns import CAMPAIGN, campaign_source
from repository.versions.migration import formats_of, path_of

__all__ = ["CampaignState", "Campaigns"]

LISTED: Final = 100
"""Campaigns that a list shows, newest first."""


@dataclass(frozen=True, slots=True)
class CampaignState:
    """One campaign. ``state`` is that of its job ("done" where only the ledger remembers it); ``report`` is what it counted, {} before
    its end."""

    campaign: str
    path: str
    state: str
    time: datetime
    report: Mapping[str, Any] = field(default_factory=dict)


class Campaigns:
    """Migrations of everything that a path is for."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def run(
        self, path: str, *, puids: Sequence[str] = (), limit: int = 0, seconds: float, campaign: str = "", progress: Progress
    ) -> Mapping[str, Any]:
        """Run a campaign and wait for its report; with the id of one that was interrupted, go on with that. ``limit``: files, 0 for all.

        Raises `NoPath`, `AccessPath`.
        """
        policy = formats_of(self._archive)
        way = path_of(policy, path)
        if way.purpose == "access":
            raise AccessPath(path)
        name = campaign or f"{path}-{self._archive.clock.now():%Y%m%d}-{uuid.uuid4().hex[:6]}"
        order = Order(name, path, tuple(puids) or policy.sources_of(path), seconds)
        tiers = list(self._archive.policy.tiers)
        argument = {**order.as_json(), "limit": limit, "tiers": tiers, "actor": self._archive.actor}
        result: Mapping[str, Any] = self._jobs.run(MIGRATE, f"{MIGRATE}:{name}", argument, progress=Shown(progress))
        progress.finish()
        return result

    def list(self) -> Sequence[CampaignState]:
        """Campaigns, newest first: those whose job is known, and those that the ledger remembers."""
        found: dict[str, CampaignState] = {}
        for job in self._jobs.list(limit=LISTED, prefix=f"{MIGRATE}:"):
            name = job.id.partition(":")[2]
            report = job.result if isinstance(job.result, dict) else {}
            found[name] = CampaignState(name, str(report.get("path", "")), job.state.value, job.created, report)
        for event in self._archive.catalog.events.newest(CAMPAIGN, LISTED):
            name = str(event.detail["campaign"])
            found.setdefault(name, CampaignState(name, str(event.detail["path"]), "done", event.time, dict(event.detail)))
        return sorted(found.values(), key=lambda each: each.time, reverse=True)

    def report(self, campaign: str) -> CampaignState:
        """One campaign. Raises `NoCampaign`."""
        try:
            job = self._jobs.get(f"{MIGRATE}:{campaign}")
        except UnknownJob:
            known = {each.campaign: each for each in self.list()}
            if campaign not in known:
                raise NoCampaign(campaign) from None
            return known[campaign]
        report = job.result if isinstance(job.result, dict) else {}
        return CampaignState(campaign, str(report.get("path", "")), job.state.value, job.created, report)

    def roll_back(self, campaign: str, *, progress: Progress) -> Mapping[str, Any]:
        """Make versions without what the campaign brought, and wait. The versions with it stay, as all versions do. Raises `NoCampaign`."""
        if not self._archive.catalog.deposits.from_source(campaign_source(campaign), limit=1):
            self.report(campaign)  # there is one, and it made nothing; or there is none
        tiers = list(self._archive.policy.tiers)
        argument = {"campaign": campaign, "tiers": tiers, "actor": self._archive.actor}
        job = f"{ROLLBACK}:{campaign}:{uuid.uuid4().hex[:6]}"
        result: Mapping[str, Any] = self._jobs.run(ROLLBACK, job, argument, progress=Shown(progress))
        progress.finish()
        return result
