"""The flow of a recall: ask, look whether it has come, and then read. See `repository.recalls`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from policies.findings import said
from repository.archive import Archive
from repository.checks.audit import AuditReport, check_copies
from repository.copies.repair import RepairReport, repair_some
from repository.flow_names import MIGRATE
from repository.jobs.flow import Json, Step, Steps
from repository.progress import Silent
from repository.recalls import AUDIT, REPAIR, look_again, migration_job
from storage.errors import Refused, StorageError
from storage.tier import ObjectId, RecallingTier, SequentialTier, Tier

if TYPE_CHECKING:
    from repository.jobs import Jobs

__all__ = ["RecallFlow"]

AT_ONCE = 200
"""Copies that are read in one step."""


class RecallFlow:
    """The argument: a `Recall` as JSON, "round" (looks so far) and "actor". One job is one look: what has come is read at once, for what
    has not the next look is queued. Returns {"came", "coming", "refused": {AIP: why}, "audit" or "repair": counts}."""

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._jobs = jobs

    def __call__(self, steps: Steps, argument: Json) -> Json:
        asked = steps.run("ask", self._ask, argument["tier"], argument["aips"])
        result: dict[str, Any] = {"came": len(asked["came"]), "coming": len(asked["coming"]), "refused": asked["refused"]}
        if argument["purpose"] == AUDIT:
            audit = AuditReport()
            for aips in _parts(asked["came"]):
                audit.merge(steps.run("check", self._check, argument["tier"], aips))
            result["audit"] = {**audit.as_json(), "cold": []}
            asked["coming"] += [aip_id for _, aip_id in audit.cold]  # it went away again before it was read
        elif argument["purpose"] == REPAIR:
            repair = RepairReport()
            for aips in _parts(asked["came"]):
                repair.merge(steps.run("repair", self._repair, aips))
            result["repair"] = repair.as_json()
        elif argument.get("then") and asked["came"]:
            result["migrated by"] = steps.run("go on", self._migrate, argument, asked["came"])
        if asked["coming"]:
            result["next"] = steps.run("wait", self._wait, argument, asked["coming"])
        return result

    def _ask(self, step: Step, name: str, aips: list[str]) -> dict[str, Any]:
        tier = self._archive.tiers.get(name)
        came: list[str] = []
        coming: list[str] = []
        refused: dict[str, str] = {}
        for number, aip_id in enumerate(aips):
            step.progress(number, len(aips), "recall:objects")
            try:
                still = tier.recall(ObjectId(aip_id)) if isinstance(tier, RecallingTier) else 0
            except Refused as error:
                refused[aip_id] = said(error.finding)
            except StorageError:
                coming.append(aip_id)
                if tier is not None and _is_away(
                    tier
                ):  # then each would wait for an answer as long: asked again at the next look
                    coming += aips[number + 1 :]
                    break
            else:
                (coming if still else came).append(aip_id)
        if isinstance(tier, SequentialTier):  # it is read in the order in which it lies
            places = {aip_id: tier.locality(ObjectId(aip_id)) for aip_id in came}
            came.sort(key=lambda aip_id: places[aip_id])
        return {"came": came, "coming": coming, "refused": refused}

    def _check(self, step: Step, tier: str, aips: list[str]) -> dict[str, Any]:
        copies = [copy for aip_id in aips for copy in self._archive.catalog.copies.of(aip_id) if copy.tier == tier]
        return check_copies(self._archive, copies, Silent())

    def _repair(self, step: Step, aips: list[str]) -> dict[str, Any]:
        report = RepairReport()
        for aip_id in aips:
            step.check()
            report.merge(repair_some(self._archive, aip_id, "", Silent()))
        return report.as_json()

    def _migrate(self, step: Step, argument: dict[str, Any], aips: list[str]) -> str:
        then = argument["then"]
        job_id = migration_job(then["campaign"], step.job_id)
        more = {"limit": 0, "aips": aips, "actor": argument["actor"]}
        self._jobs().run(MIGRATE, job_id, {**then, **more}, wait=False)
        return job_id

    def _wait(self, step: Step, argument: dict[str, Any], coming: list[str]) -> str:
        return look_again(self._archive, self._jobs(), step.job_id, argument, coming)


def _is_away(tier: Tier) -> bool:
    try:
        tier.check()
    except StorageError:
        return True
    return False


def _parts(aips: Sequence[str]) -> list[list[str]]:
    return [list(aips[start : start + AT_ONCE]) for start in range(0, len(aips), AT_ONCE)]
