"""Campaigns: migrations of everything that a path is for, as durable jobs: batch after batch, each kept and registered before the next.

A campaign that is interrupted goes on at its last finished step. What it made can be taken back by a new version; nothing is lost by
either.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from repository.archive import Archive
from repository.deposits.ingest import AIP_NAMESPACE
from repository.jobs.flow import Json, Step, Steps
from repository.ledger.events import ledger_of
from repository.model import Deposit
from repository.recalls import MIGRATE, begin, nearest
from repository.versions.batches import CampaignReport, Order, run_batch, take_back
from repository.versions.migration import formats_of, left_to_do, path_of

if TYPE_CHECKING:
    from repository.jobs import Jobs

__all__ = ["CAMPAIGN", "KeepAndRegister", "Migrate", "RollBack", "campaign_source", "end_campaign", "planned_of"]

CAMPAIGN: Final = "campaign"
"""The type of the event that a campaign ends with."""

AIPS: Final = 32
"""AIPs of one batch: enough that the cores wait seldom for its end, few enough that a killed one loses minutes."""

FILES: Final = 512
"""Files of one batch."""

KeepAndRegister = Callable[[Steps, Json, Sequence[str]], Json]
"""The steps of a deposit after its verdict (`repository.flows`)."""


def campaign_source(campaign: str) -> str:
    """``Deposit.source`` of the versions that a campaign made."""
    return f"campaign:{campaign}"


def end_campaign(archive: Archive, ended: Mapping[str, Any], part: str = "") -> None:
    """Enter the figures of a campaign, or of a ``part`` of it that came later, which outlive the record of its job."""
    codes = {f"code {code}": count for code, count in ended["codes"].items()}
    detail = {
        "campaign": ended["campaign"],
        "path": ended["path"],
        **ended["counts"],
        **codes,
        "seconds": round(ended["seconds"]),
        **_flat(ended),
    }
    ledger = ledger_of(archive)
    event = ledger.event(CAMPAIGN, "warning" if ended["codes"] else "success", detail=detail)
    ledger.append([replace(event, id=str(uuid.uuid5(AIP_NAMESPACE, f"campaign:{part or ended['campaign']}")))])


PLANNED: Final = "planned "
"""Before the PUID, in the event of a campaign: how many files of that format there were to be migrated when it began."""


def _flat(ended: Mapping[str, Any]) -> dict[str, str | int]:
    """When it began and what there was to do, as an event has it."""
    if "planned" not in ended:
        return {}
    planned = ended["planned"]
    formats = {f"{PLANNED}{puid}": files for puid, files in planned["formats"].items()}
    return {"started": ended["started"], "planned_aips": planned["aips"], "planned_bytes": planned["bytes"], **formats}


def planned_of(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a campaign had to do, from the record of its job or the event of its end; None of one that did not count it."""
    if "planned" in report:
        return dict(report["planned"])
    formats = {name.removeprefix(PLANNED): int(files) for name, files in report.items() if name.startswith(PLANNED)}
    if "planned_aips" not in report:
        return None
    sums = {name: int(report[f"planned_{name}"]) for name in ("aips", "bytes")}
    return {"files": sum(formats.values()), **sums, "formats": formats}


class Migrate:
    """choose → migrate → keep on each tier → register, until nothing is left or a limit is reached.

    The argument: an `Order` as JSON, "limit" (files, and AIPs that have to wait for content; 0 for none), "tiers" and "actor"; and "aips"
    in a job that goes on with those whose content has come. Returns a `CampaignReport` as JSON.
    """

    def __init__(self, archive: Archive, keep_and_register: KeepAndRegister, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._keep_and_register = keep_and_register
        self._jobs = jobs

    def __call__(self, steps: Steps, argument: Json) -> Json:
        report = CampaignReport()
        awaited: list[str] = []
        after, limit = 0, int(argument["limit"])
        begun = steps.run("begin", self._begin, argument)
        while not limit or report.counts["files"] + report.counts["awaited"] < limit:
            chosen = steps.run("choose", self._choose, argument, after)
            if not chosen["aips"]:
                break
            after = chosen["after"]
            left = limit - report.counts["files"] - report.counts["awaited"] if limit else FILES * AIPS
            done = steps.run("migrate", self._migrate, argument, chosen["aips"], left)
            report.merge(done["report"])
            awaited += done.get("awaited", ())
            self._keep_and_register(steps, done["deposits"], argument["tiers"])
        if awaited:
            steps.run("ask for what is cold", self._recall, argument, awaited)
        ended = {**report.as_json(), "campaign": argument["campaign"], "path": argument["path"], **begun}
        steps.run("end", lambda step: end_campaign(self._archive, ended, steps.job_id if "aips" in argument else ""))
        return ended

    def _begin(self, step: Step, argument: dict[str, Any]) -> dict[str, Any]:
        """When it began, and what there is to do; a job that goes on does what was counted before."""
        started = self._archive.clock.now().isoformat()
        if "aips" in argument:
            return {"started": started}
        way = path_of(formats_of(self._archive), argument["path"])
        formats, aips, size, last = Counter[str](), 0, 0, ""
        for aip_id, file in left_to_do(self._archive, way, argument["puids"], again=bool(argument.get("again"))):
            formats[file.puid] += 1
            aips, size, last = aips + (aip_id != last), size + file.size, aip_id
        return {
            "started": started,
            "planned": {"files": formats.total(), "aips": aips, "bytes": size, "formats": dict(sorted(formats.items()))},
        }

    def _recall(self, step: Step, argument: dict[str, Any], awaited: list[str]) -> int:
        """What has to be brought first is asked for, of each AIP from one tier: when it has come, a job of its own goes on with it."""
        then = {name: argument[name] for name in ("campaign", "path", "puids", "seconds", "tiers")}
        then["again"] = bool(argument.get("again"))
        wanted = [(nearest(self._archive, aip_id), aip_id) for aip_id in awaited]
        return begin(self._archive, self._jobs(), step.job_id, wanted, MIGRATE, then=then)

    def _choose(self, step: Step, argument: dict[str, Any], after: int) -> dict[str, Any]:
        if (come := argument.get("aips")) is not None:
            return {"aips": come[after : after + AIPS], "after": after + AIPS}
        page = self._archive.catalog.formats.aips(argument["puids"], after=after, limit=AIPS)
        return {"aips": [aip_id for _, aip_id in page], "after": page[-1][0] if page else after}

    def _migrate(self, step: Step, argument: dict[str, Any], aip_ids: list[str], most: int) -> dict[str, Any]:
        return run_batch(self._archive, Order.of(argument), aip_ids, most, step)


class RollBack:
    """Take back what a campaign made. The argument: {"campaign", "tiers", "actor"}."""

    def __init__(self, archive: Archive, keep_and_register: KeepAndRegister) -> None:
        self._archive = archive
        self._keep_and_register = keep_and_register

    def __call__(self, steps: Steps, argument: Json) -> Json:
        report = CampaignReport()
        after = ""
        while True:
            done = steps.run("take back", self._some, argument["campaign"], after)
            if not done["seen"]:
                return {**report.as_json(), "campaign": argument["campaign"]}
            after = done["after"]
            report.merge(done["report"])
            self._keep_and_register(steps, done["deposits"], argument["tiers"])

    def _some(self, step: Step, campaign: str, after: str) -> dict[str, Any]:
        page: list[Deposit] = self._archive.catalog.deposits.from_source(campaign_source(campaign), after=after, limit=AIPS)
        done = take_back(self._archive, campaign, page)
        return {**done, "seen": len(page), "after": page[-1].id if page else after}
