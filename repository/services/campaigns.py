"""Campaigns as a service of the engine: run one, see how those before went, take one back."""

from __future__ import annotations

import csv
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from repository.archive import Archive
from repository.errors import AccessPath, CampaignEnded, NoCampaign, NotTakenBack, OtherCampaign
from repository.flow_names import MIGRATE, REIDENTIFY, ROLLBACK
from repository.jobs.client import Job, JobState
from repository.jobs.errors import UnknownJob
from repository.jobs.service import Jobs
from repository.progress import Progress
from repository.recalls import GOES_ON, migration_job, waited_for
from repository.shown import Shown
from repository.versions.account import COLUMNS, account, rolled_back, table_row
from repository.versions.batches import CampaignReport, Order
from repository.versions.campaigns import CAMPAIGN, campaign_source, planned_of
from repository.versions.migration import formats_of, path_of, sources_of
from repository.versions.reidentification import REIDENTIFICATION

__all__ = ["CampaignState", "Campaigns"]

AWAITED: Final = "MIG-AWAITED"
AWAITED_COUNT: Final = "awaited"

LISTED: Final = 100
"""Campaigns that a list shows, newest first."""


@dataclass(frozen=True, slots=True)
class CampaignState:
    """One campaign. ``state`` is that of its job ("done" where only the ledger remembers it); ``report`` is what it counted, {} before
    its end; of ``rolled_back`` AIPs it was taken back. ``account`` is that of `repository.versions.account`, where it was asked for."""

    campaign: str
    path: str
    state: str
    time: datetime
    report: Mapping[str, Any] = field(default_factory=dict)
    rolled_back: int = 0
    account: Mapping[str, Any] = field(default_factory=dict)

    @property
    def started(self) -> datetime | None:
        """When it began, by the archive's clock; None before its end, and of campaigns that did not say so."""
        said = self.report.get("started")
        return datetime.fromisoformat(str(said)) if said else None

    @property
    def planned(self) -> Mapping[str, Any] | None:
        """What there was to do when it began: files, aips, bytes, formats (PUID → files)."""
        return planned_of(self.report)


class Campaigns:
    """Migrations of everything that a path is for; and identification again of everything."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def run(
        self,
        path: str,
        *,
        puids: Sequence[str] = (),
        limit: int = 0,
        seconds: float,
        campaign: str = "",
        again: bool = False,
        progress: Progress,
        begun: Callable[[str], None] = lambda _: None,
    ) -> Mapping[str, Any]:
        """Run a campaign and wait for its report; with the id of one that was interrupted, go on with that, by what it was begun with.
        ``begun`` is told its id at once. ``limit``: files, 0 for all. What an earlier campaign had made and was taken back is made
        ``again`` only when asked for.

        Raises `NoPath`, `AccessPath`, `NotASource`; `NoCampaign`, `OtherCampaign`, `CampaignEnded` of the id.
        """
        policy = formats_of(self._archive)
        way = path_of(policy, path)
        if way.purpose == "access":
            raise AccessPath(path)
        name = self._resumed(MIGRATE, campaign, path) if campaign else self._new(path)
        begun(name)
        order = Order(name, path, sources_of(policy, way, puids), seconds, again)
        return self._run(MIGRATE, migration_job(name), {**order.as_json(), "limit": limit}, progress)

    def reidentify(
        self, aips: Sequence[str] = (), *, campaign: str = "", progress: Progress, begun: Callable[[str], None] = lambda _: None
    ) -> Mapping[str, Any]:
        """Identify the content of these AIPs (of all, when empty) again, by the signatures in use; what is said otherwise comes as new
        versions. Wait for the report; with the id of a campaign that was interrupted, go on with that; ``begun`` is told it at once.
        Raises `UnknownAip`; `NoCampaign`,
        `OtherCampaign`, `CampaignEnded` of the id."""
        for aip_id in aips:
            self._archive.catalog.holdings.get(aip_id)
        name = self._resumed(REIDENTIFY, campaign, REIDENTIFICATION) if campaign else self._new(REIDENTIFICATION)
        begun(name)
        return self._run(REIDENTIFY, f"{REIDENTIFY}:{name}", {"campaign": name, "aips": list(aips)}, progress)

    def _resumed(self, flow: str, campaign: str, path: str) -> str:
        """The id of a campaign that can be gone on with along ``path``."""
        if GOES_ON in campaign:  # a later job of one, which goes on by itself
            raise NoCampaign(campaign)
        under_way = {each["campaign"]: each["path"] for each in self._jobs.arguments(MIGRATE)}  # no report names its path yet
        way = self._known(campaign).path or under_way.get(campaign, path)
        if way != path:
            raise OtherCampaign(campaign, way, path)
        with suppress(UnknownJob):
            if not self._jobs.get(f"{flow}:{campaign}").state.ended:
                return campaign
        raise CampaignEnded(campaign)

    def _new(self, kind: str) -> str:
        return f"{kind}-{self._archive.clock.now():%Y%m%d}-{uuid.uuid4().hex[:6]}"

    def _run(self, flow: str, job: str, argument: Mapping[str, Any], progress: Progress) -> Mapping[str, Any]:
        known = {"tiers": list(self._archive.policy.tiers), "actor": self._archive.actor}
        result: Mapping[str, Any] = self._jobs.run(flow, job, {**argument, **known}, progress=Shown(progress))
        progress.finish()
        return result

    def list(self) -> Sequence[CampaignState]:
        """Campaigns, newest first: those whose job is known, and those that the ledger remembers."""
        jobs: dict[str, list[Job]] = {}
        for flow in (MIGRATE, REIDENTIFY):
            for job in self._stand(flow, self._jobs.list(limit=LISTED, prefix=f"{flow}:")):
                jobs.setdefault(_campaign_of(job), []).append(job)
        waits = self._awaited()
        found = {name: _state(name, each, waits.get(name, set())) for name, each in jobs.items()}
        remembered: dict[str, CampaignState] = {}
        for event in self._archive.catalog.events.newest(CAMPAIGN, LISTED):
            name = str(event.detail["campaign"])
            told = CampaignState(name, str(event.detail["path"]), "done", event.time, dict(event.detail))
            remembered[name] = _with_earlier(remembered[name], told) if name in remembered else told
        back = rolled_back(self._archive)
        # SQLite's jobs tell whole seconds, the ledger parts of them: of those of one second the ones whose jobs are known are the newer.
        known = [*found.values(), *(each for name, each in remembered.items() if name not in found)]
        newest = sorted(known, key=lambda each: each.time.replace(microsecond=0), reverse=True)
        return [replace(each, rolled_back=back.get(each.campaign, 0)) for each in newest]

    def _stand(self, flow: str, jobs: Sequence[Job]) -> Sequence[Job]:
        """Where jobs stand: one whose process is dead runs no more, but waits for whoever goes on with it."""
        running = any(job.state is JobState.RUNNING for job in jobs)
        left = set(self._jobs.waiting(flow)) if running else set()
        return [replace(job, state=JobState.WAITING) if job.id in left else job for job in jobs]

    def _awaited(self) -> dict[str, set[str]]:
        """The AIPs whose content campaigns wait for."""
        waits: dict[str, set[str]] = {}
        for each in waited_for(self._jobs):
            if each.campaign:
                waits.setdefault(each.campaign, set()).update(each.aips)
        return waits

    def report(
        self, campaign: str, each: Callable[[dict[str, Any]], None] = lambda row: None, *, language: str = "en"
    ) -> CampaignState:
        """One campaign with its account, reasons in a ``language``; ``each`` is given every file of it as it is come by. Raises
        `NoCampaign`."""
        state = self._known(campaign)
        told = account(self._archive, campaign, state.path, since=state.started, language=language, each=each)
        return replace(state, account=told, rolled_back=told["rolled_back"]["aips"])

    def write(
        self,
        campaign: str,
        target: Path,
        each: Callable[[dict[str, Any]], None] = lambda row: None,
        *,
        shape: Callable[[CampaignState], dict[str, Any]],
        language: str,
        sign: bool,
    ) -> CampaignState:
        """Write `report`, in a ``shape``, into a new folder: report.json, report.pdf, files.csv; with ``sign`` JSON and PDF are signed.
        Raises `NoCampaign`, and as `hand_out`."""
        from repository.reports.campaign_pages import page
        from repository.reports.handing import hand_out

        state = self._known(campaign)

        def gathered(folder: Path) -> dict[str, Any]:
            nonlocal state
            with open(folder / "files.csv", "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                table = csv.DictWriter(stream, COLUMNS)
                table.writeheader()

                def both(row: dict[str, Any]) -> None:
                    table.writerow(table_row(row))
                    each(row)

                state = self.report(campaign, both, language=language)
            return shape(state)

        hand_out(self._archive, target, "formats_campaign_report", gather=gathered, page=page, language=language, sign=sign)
        return state

    def _known(self, campaign: str) -> CampaignState:
        for flow in (MIGRATE, REIDENTIFY):
            with suppress(UnknownJob):
                later = self._jobs.list(limit=LISTED, prefix=f"{flow}:{campaign}{GOES_ON}")
                jobs = self._stand(flow, [*later, self._jobs.get(f"{flow}:{campaign}")])
                return _state(campaign, jobs, self._awaited().get(campaign, set()))
        known = {each.campaign: each for each in self.list()}
        if campaign not in known:
            raise NoCampaign(campaign)
        return known[campaign]

    def roll_back(self, campaign: str, *, progress: Progress) -> Mapping[str, Any]:
        """Make versions without what the campaign brought, and wait. The versions with it stay, as all versions do. Raises `NoCampaign`,
        `NotTakenBack`."""
        made_something = self._archive.catalog.deposits.from_source(campaign_source(campaign), limit=1)
        if not made_something and self._known(campaign).path == REIDENTIFICATION:  # else it made nothing; or there is none
            raise NotTakenBack(campaign)
        return self._run(ROLLBACK, f"{ROLLBACK}:{campaign}:{uuid.uuid4().hex[:6]}", {"campaign": campaign}, progress)


def _campaign_of(job: Job) -> str:
    return job.id.partition(":")[2].partition(GOES_ON)[0]


def _state(name: str, jobs: Sequence[Job], awaited: Collection[str]) -> CampaignState:
    """A campaign as its jobs tell it: the first one, and those that went on with what had come. It waits while content is ``awaited``."""
    flow = jobs[0].id.partition(":")[0]
    reports = [job.result for job in sorted(jobs, key=lambda job: job.created) if isinstance(job.result, dict)]
    whole = CampaignReport()
    for each in reports:
        whole.merge(each)
    whole.findings = [row for row in whole.findings if row["code"] != AWAITED or row["path"] in awaited]
    whole.counts[AWAITED_COUNT] = len(awaited)
    del whole.codes[AWAITED]
    report = {**reports[0], **whole.as_json()} if reports else {}
    states = [JobState.WAITING] if awaited else []
    states = (
        [job.state for job in jobs if not job.state.ended]
        + states
        + [job.state for job in jobs if job.state is not JobState.DONE]
    )
    path = REIDENTIFICATION if flow == REIDENTIFY else str(report.get("path", ""))
    created = min(job.created for job in jobs)
    return CampaignState(name, path, (states or [JobState.DONE])[0].value, created, report)


def _with_earlier(later: CampaignState, earlier: CampaignState) -> CampaignState:
    """A campaign that the ledger remembers in parts, as one: counts are added."""
    figures = Counter({name: value for name, value in later.report.items() if isinstance(value, int)})
    figures.update({name: value for name, value in earlier.report.items() if isinstance(value, int)})
    return replace(earlier, report={**earlier.report, **figures, AWAITED_COUNT: 0})
