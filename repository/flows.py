"""The durable flows: which steps a deposit, an audit, a repair and a rebuild are made of, in which order.

Steps take and return ids and counts. Each can be run again: what was done already is seen in the catalog, the spool or on the tier.
Change the order or names of steps only together with ``repository.jobs.settings.SHAPE``.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from policies.phrases import phrase
from repository import flow_names, recalls
from repository.archive import Archive
from repository.checks.audit import AuditReport, audit_some, not_asked
from repository.checks.comparison import compare
from repository.checks.following import follow_policy
from repository.checks.looking import look_some
from repository.copies import placement
from repository.copies.keep import register
from repository.copies.repair import RepairReport, repair_some
from repository.copies.waiting import keep_put_right
from repository.deposits import upkeep
from repository.flow_names import (
    AUDIT,
    COLLECT,
    COMPARE,
    COPIES,
    DEPOSIT,
    EVIDENCE,
    LASTING,
    LEDGER,
    MIGRATE,
    NOTICES,
    RECALL,
    REFRESH,
    REIDENTIFY,
    REPAIR,
    ROLLBACK,
    UPKEEP,
)
from repository.jobs.flow import Flow, Json, Step, Steps
from repository.ledger.open_day import copy_open_day
from repository.model import Deposit, DepositState
from repository.recalls import begin as begin_recall
from repository.recalls import waited_for
from repository.shown import StepProgress

if TYPE_CHECKING:
    from repository.deposits.description import Extras
    from repository.deposits.ingest import Outcome
    from repository.jobs import Jobs
    from repository.workforce import Workforce

__all__ = ["deposit_argument", "flows_of"]


def flows_of(archive: Archive, workforce: Callable[[], Workforce], jobs: Callable[[], Jobs]) -> Sequence[Flow]:
    """All flows of one archive, each as whoever queued the job (its "actor") had opened it, under the policy that is in force when it runs:
    the process that runs a job is not who asked, and nobody asks for what the schedule queues. ``workforce`` gives who works on deposits,
    ``jobs`` what runs the flows."""
    kinds: Mapping[str, Callable[[Archive], Callable[[Steps, Json], Json]]] = {
        DEPOSIT: lambda mine: _Deposit(mine, workforce),
        AUDIT: lambda mine: _Audit(mine, jobs),
        COMPARE: _Compare,
        REPAIR: lambda mine: _Repair(mine, _Deposit(mine, workforce), jobs),
        COPIES: lambda mine: _Copies(mine, _Repair(mine, _Deposit(mine, workforce), jobs)),
        UPKEEP: lambda mine: _Upkeep(mine, _Deposit(mine, workforce), jobs),
        **{name: functools.partial(_when_run, name, workforce, jobs) for name in _LOADED_LATE},
    }

    def flow(name: str) -> Flow:
        def run(steps: Steps, argument: Json) -> Json:
            return kinds[name](replace(archive.in_force(), actor=argument.get("actor", "")))(steps, argument)

        return Flow(name, run, short=name in (LEDGER, NOTICES))

    return tuple(map(flow, kinds))


_LOADED_LATE = (LEDGER, COLLECT, LASTING, EVIDENCE, MIGRATE, ROLLBACK, REIDENTIFY, NOTICES, REFRESH, RECALL)


def _when_run(
    name: str, workforce: Callable[[], Workforce], jobs: Callable[[], Jobs], mine: Archive
) -> Callable[[Steps, Json], Json]:
    """Flows that bring in much are loaded when one of them runs: every command opens the archive, and few run these."""
    keep = _Deposit(mine, workforce).keep_and_register
    match name:
        case flow_names.LEDGER:
            from repository.ledger.flow import LedgerFlow

            return LedgerFlow(mine)
        case flow_names.EVIDENCE:
            from repository.evidence.flow import EvidenceFlow

            return EvidenceFlow(mine)
        case flow_names.COLLECT:
            from repository.versions.recollection import Collect

            return Collect(mine, keep)
        case flow_names.LASTING:
            from repository.versions.lasting import LastingCopies

            return LastingCopies(mine, keep)
        case flow_names.MIGRATE:
            from repository.versions.campaigns import Migrate

            return Migrate(mine, keep, jobs)
        case flow_names.ROLLBACK:
            from repository.versions.campaigns import RollBack

            return RollBack(mine, keep)
        case flow_names.REIDENTIFY:
            from repository.versions.reidentification import Reidentify

            return Reidentify(mine, keep)
        case flow_names.REFRESH:
            from repository.copies.refreshing import RefreshFlow

            return RefreshFlow(mine)
        case flow_names.RECALL:
            from repository.copies.recalling import RecallFlow

            return RecallFlow(mine, jobs)
        case _:
            from repository.attention.notices import NoticesFlow

            return NoticesFlow(mine, jobs)


GROUP_SECONDS = 1.0
"""Verdicts are committed in groups of at most this long: one commit a deposit would cost more than a small deposit's work."""


TURN_SECONDS = 5.0
"""How long a batch of a command waits for the one before it while nobody works on that: it is about to begin, or was broken off."""

TURN_LOOK = 0.05
"""Seconds between looks whether it is settled."""


def deposit_argument(archive: Archive, ids: Sequence[str], title: str = "", metadata: str = "", after: str = "") -> Json:
    """The argument of a `DEPOSIT` job. ``after`` is the last deposit of the batch before it, if there is one: batches of a command
    are worked on side by side, and settled one after the other."""
    tiers = list(archive.in_force().policy.tiers)
    return {"ids": list(ids), "tiers": tiers, "title": title, "metadata": metadata, "actor": archive.actor, "after": after}


_ASIDE = frozenset({DepositState.HELD, DepositState.REFUSED, DepositState.QUARANTINED, DepositState.REPEATED})
"""Deposits in these states are set aside once more when the step is done again: a killed process may not have come to it."""


class _Deposit:
    """accept → keep on each tier → register. The argument: `deposit_argument`. What only deposits need is loaded with the first one."""

    def __init__(self, archive: Archive, workforce: Callable[[], Workforce]) -> None:
        self._archive = archive
        self._workforce = workforce

    def __call__(self, steps: Steps, argument: Json) -> Json:
        accepted = steps.run(
            "accept", self._accept, argument["ids"], argument["title"], argument["metadata"], argument.get("after", "")
        )
        return self.keep_and_register(steps, accepted, argument["tiers"])

    def keep_and_register(self, steps: Steps, accepted: Json, tiers: Sequence[str]) -> Json:
        """The steps after the verdict, for deposits that are accepted."""
        kept = {tier: steps.run("keep", self._keep, tier, accepted) for tier in tiers} if accepted else {}
        return steps.run("register", self._register, accepted, kept)

    def _accept(self, step: Step, ids: list[str], title: str, metadata: str, after: str) -> list[str]:
        from repository.deposits.description import Extras

        with self._archive.spools.claimed(ids, step.check):
            return self._accept_all(step, ids, Extras.of(title, metadata), after)

    def _accept_all(self, step: Step, ids: list[str], extra: Extras, after: str) -> list[str]:
        from repository.deposits.ingest import set_aside
        from repository.deposits.settling import settle

        archive = self._archive
        archive.spools.mark(lambda: [each.id for each in archive.catalog.deposits.list(state=DepositState.ACCEPTED).items])
        deposits = archive.catalog.deposits.several(ids)
        for deposit in deposits.values():
            if deposit.state in _ASIDE:
                set_aside(archive, deposit)
        outcomes: list[Outcome] = []
        settled: list[Deposit] = [deposit for deposit in deposits.values() if deposit.state is DepositState.ACCEPTED]
        since = time.monotonic()
        for outcome in self._workforce().outcomes(archive, list(deposits.values()), extra, StepProgress(step)):
            outcomes += [self._after_lost(step, outcome, extra)] if outcome else []
            if time.monotonic() - since > GROUP_SECONDS:
                self._wait_for(step, after)
                settled += settle(archive, outcomes)
                outcomes, since = [], time.monotonic()
        self._wait_for(step, after)
        settled += settle(archive, outcomes)
        return [deposit.id for deposit in settled if deposit.state is DepositState.ACCEPTED]

    def _after_lost(self, step: Step, outcome: Outcome, extra: Extras) -> Outcome:
        """What repeats a deposit that turns out to be lost is taken in its place."""
        from repository.deposits.ingest import FREE, accept

        archive, deposit, change = self._archive, outcome.deposit, outcome.change
        if "state" in change or "key" not in change:
            return outcome
        earlier = archive.catalog.deposits.by_key(deposit.producer, change["key"])
        if earlier is None or earlier.id == deposit.id or earlier.state is not DepositState.ACCEPTED:
            return outcome
        if earlier.fingerprint != change["fingerprint"] or archive.spools.is_claimed(earlier.id):
            return outcome
        with archive.spools.claimed([earlier.id], step.check):
            _settle_lost(archive, earlier.id, StepProgress(step))
        if archive.catalog.deposits.get(earlier.id).state not in FREE:
            return outcome
        return accept(archive, deposit, extra, StepProgress(step)) or outcome

    def _wait_for(self, step: Step, deposit_id: str) -> None:
        """Wait until a deposit is settled, so that what two bring in common is found with the later one, however fast either is."""
        archive, patience = self._archive, time.monotonic() + TURN_SECONDS
        while deposit_id and time.monotonic() < patience:
            if archive.catalog.deposits.get(deposit_id).state not in (DepositState.RECEIVED, DepositState.SPOOLED):
                return
            if archive.spools.is_claimed(deposit_id):
                patience = time.monotonic() + TURN_SECONDS
            step.check()
            time.sleep(TURN_LOOK)

    def _keep(self, step: Step, tier: str, ids: list[str]) -> dict[str, Any]:
        progress = StepProgress(step)
        progress.start("keep", None, "bytes")
        with self._archive.spools.claimed(ids, step.check):
            kept = self._workforce().kept(self._archive, tier, ids, progress)
            for deposit_id in [each for each, result in kept.items() if result.get("rotten")]:
                kept.update(keep_put_right(self._archive, tier, deposit_id, progress))
            return kept

    def _register(self, step: Step, ids: list[str], kept: dict[str, Any]) -> list[str]:
        archive = self._archive
        with archive.spools.claimed(ids, step.check):
            stored = register(archive, ids, kept)
            doubtful = [each for each in ids if each not in stored and _may_be_lost([kept[tier].get(each) for tier in kept])]
            for deposit_id in doubtful:
                _settle_lost(archive, deposit_id, StepProgress(step))
        ended = archive.catalog.deposits.several(doubtful).values()
        return sorted([*stored, *(deposit.id for deposit in ended if deposit.state is DepositState.STORED)])


def _may_be_lost(results: Sequence[Mapping[str, Any] | None]) -> bool:
    """Whether a deposit is not stored for another reason than that a tier does not take it."""
    told = [result for result in results if result is not None]
    return any(result.get("rotten") or result.get("unread") for result in told) or all(result["ok"] for result in told)


def _settle_lost(archive: Archive, deposit_id: str, progress: StepProgress) -> None:
    """What was taken up from a tier is brought to the others at once: it is on too few of them. What can be sealed again is, and kept with
    what waits."""
    from repository.deposits.description import Extras
    from repository.deposits.ingest import accept
    from repository.deposits.settling import settle
    from repository.rebuilding.lost import settle_lost  # it seldom happens

    if settle_lost(archive, deposit_id, progress):
        repair_some(archive, archive.catalog.deposits.get(deposit_id).aip_id, "", progress)
        upkeep.promote(archive)
    deposit = archive.catalog.deposits.get(deposit_id)
    if deposit.state is not DepositState.SPOOLED:
        return
    try:
        if outcome := accept(archive, deposit, Extras.of("", ""), progress):
            settle(archive, [outcome])
    except BaseException:  # cancelled, or a fault: it waits as before, where whoever brings copies to what waits finds it
        if archive.catalog.deposits.get(deposit_id).state is DepositState.SPOOLED:
            archive.catalog.deposits.update(deposit_id, state=DepositState.ACCEPTED, updated=archive.clock.now())
        raise


class _Audit:
    """Steps of some copies each, until nothing that the scope asks for is left. The argument is an `AuditScope` as JSON, and "actor"."""

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._jobs = jobs

    def __call__(self, steps: Steps, argument: Json) -> Json:
        started = steps.run("begin", self._begin)
        if not argument["aip"]:
            steps.run("follow policy", lambda step: follow_policy(self._archive, datetime.fromisoformat(started)))
        report = AuditReport()
        while True:
            counts = steps.run("check", self._check, argument, started, sorted({*report.unavailable, *report.not_looked}))
            report.merge(counts)
            if not counts["checked"] and not counts["unavailable"] and not counts.get("cold"):
                break
        if report.cold:
            steps.run("wait for cold", self._wait, report.cold)
        if not (argument["everything"] or argument["aip"]):
            while (counts := steps.run("look", self._look, argument["tier"], started, sorted(report.unavailable)))["looked"]:
                report.merge(counts)
            report.merge(counts)
        steps.run("promote", lambda step: _promote(self._archive))
        if report.unavailable:
            steps.run("unavailable", lambda step: not_asked(self._archive, report.unavailable, started))
        if argument["everything"] and not argument["aip"]:
            compare_tiers(self._archive, steps, [argument["tier"]] if argument["tier"] else self._archive.tiers, started, report)
        for tier, copies in report.not_looked.items():
            if tier not in report.unavailable:
                report.postponed[tier] = phrase("cold-asked", copies=copies)
        return {**report.as_json(), "started": started, "cold": []}

    def _wait(self, step: Step, cold: list[tuple[str, str]]) -> int:
        return begin_recall(self._archive, self._jobs(), step.job_id, ((tier, aip_id) for tier, aip_id in cold), recalls.AUDIT)

    def _begin(self, step: Step) -> str:
        return self._archive.clock.now().isoformat()

    def _look(self, step: Step, tier: str, started: str, skip: list[str]) -> dict[str, Any]:
        return look_some(self._archive, started, skip, StepProgress(step), tier=tier)

    def _check(self, step: Step, scope: dict[str, Any], started: str, skip: list[str]) -> dict[str, Any]:
        asked_for = scope["everything"] or scope["aip"]
        waits: dict[str, tuple[int, datetime]] = {}
        for each in [] if asked_for else waited_for(self._jobs()):  # longest first
            for place in each.places if each.purpose == recalls.AUDIT else ():
                copies, since = waits.get(place, (0, each.since))
                waits[place] = copies + len(each.aips), since
        counts = audit_some(self._archive, scope, started, [*skip, *waits], StepProgress(step))
        late = {
            place: phrase("medium-waited" if "/" in place else "cold-waited", copies=copies, since=f"{since:%Y-%m-%d %H:%M}")
            for place, (copies, since) in waits.items()
        }
        return {**counts, "postponed": {**counts["postponed"], **late}}


def _promote(archive: Archive) -> int:
    """What the checks and repairs of a job mean for deposits; and its events are copied to other tiers, though no worker may be running."""
    promoted = upkeep.promote(archive)
    copy_open_day(archive)
    return promoted


def compare_tiers(archive: Archive, steps: Steps, tiers: Iterable[str], started: str, report: AuditReport) -> None:
    """One step a tier: what it holds and the catalog does not know."""

    def one(step: Step, tier: str) -> dict[str, Any]:
        return compare(archive, tier, started, StepProgress(step))

    for tier in tiers:
        if tier not in report.unavailable:
            report.merge_comparison(tier, steps.run("compare", one, tier))


class _Compare:
    """Every tier held against the catalog, nothing re-read. No argument."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(self, steps: Steps, argument: Json) -> Json:
        started = steps.run("begin", lambda step: self._archive.clock.now().isoformat())
        report = AuditReport()
        compare_tiers(self._archive, steps, self._archive.tiers, started, report)
        return {**report.as_json(), "started": started}


class _Repair:
    """Steps of some copies each; then the deposits that wait for copies, when ``tiers`` says where. The argument: {"aip"} ("" for all)
    and, optional, {"tiers"} and {"actor"}."""

    def __init__(self, archive: Archive, deposit: _Deposit, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._deposit = deposit
        self._jobs = jobs

    def __call__(self, steps: Steps, argument: Json) -> Json:
        report = RepairReport()
        cursor: Json = ""
        while cursor is not None:
            done = steps.run("repair", self._some, argument["aip"], cursor, sorted(report.closed))
            report.merge(done)
            cursor = done["cursor"]
        if tiers := argument.get("tiers"):  # not before: a version waits while what it takes over is damaged
            waiting = steps.run("waiting", lambda step: upkeep.waiting(self._archive))
            self._deposit.keep_and_register(steps, waiting, tiers)
        if report.cold:
            steps.run("wait for cold", self._wait, report.cold)
        steps.run("promote", lambda step: _promote(self._archive))
        return {**report.as_json(), "cold": [], "waiting": Counter(tier for tier, _ in dict.fromkeys(map(tuple, report.cold)))}

    def _wait(self, step: Step, cold: list[tuple[str, str]]) -> int:
        return begin_recall(self._archive, self._jobs(), step.job_id, ((tier, aip_id) for tier, aip_id in cold), recalls.REPAIR)

    def _some(self, step: Step, aip_id: str, cursor: str, closed: list[str]) -> dict[str, Any]:
        waits = [each for each in waited_for(self._jobs()) if each.purpose == recalls.REPAIR] if not aip_id else []
        waiting = {(each.tier, aip) for each in waits for aip in each.aips}
        return repair_some(self._archive, aip_id, cursor, StepProgress(step), closed=closed, waiting=waiting)


class _Copies:
    """What the policy promises and is not there yet is made; then, with ``release``, what it promises no more is let go of, one by one
    and only where all that is promised was read again. The argument: {"release", "actor"}."""

    def __init__(self, archive: Archive, repair: _Repair) -> None:
        self._archive = archive
        self._repair = repair

    def __call__(self, steps: Steps, argument: Json) -> Json:
        announced = steps.run("announce", lambda step: placement.announce(self._archive, StepProgress(step)))
        repaired = self._repair(steps, {"aip": ""})
        released = kept = 0
        cursor: list[str] | None = [] if argument["release"] else None
        while cursor is not None:
            done = steps.run("release", self._release, cursor)
            released, kept, cursor = released + done["released"], kept + done["kept"], done["cursor"]
        return {"announced": announced, "released": released, "kept": kept, "repair": repaired}

    def _release(self, step: Step, cursor: list[str]) -> dict[str, Any]:
        return placement.release_some(self._archive, cursor, StepProgress(step))


TOLD_FROM_JOBS: Final = (MIGRATE, REIDENTIFY, ROLLBACK)
"""Flows of campaigns: their lists and reports are made from the records of their jobs, which are never forgotten."""


class _Upkeep:
    """Bring accepted deposits that still wait to their copies; let go of what was kept aside long enough, and of records of jobs that ended
    long ago. No argument."""

    def __init__(self, archive: Archive, deposit: _Deposit, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._deposit = deposit
        self._jobs = jobs

    def __call__(self, steps: Steps, argument: Json) -> Json:
        waiting = steps.run("waiting", lambda step: upkeep.waiting(self._archive))
        stored = self._deposit.keep_and_register(steps, waiting, argument["tiers"]) if waiting else []
        gone = steps.run("let go", lambda step: upkeep.let_go(self._archive))
        forgotten = steps.run("forget", lambda step: self._jobs().forget(self._archive.policy.jobs_keep, but=TOLD_FROM_JOBS))
        return {"stored": stored, **gone, "forgotten": forgotten}
