"""Settle: make outcomes known, one after another.

Deposits are examined side by side, each against what the archive had by then. What they bring in common shows only in an order: each
outcome is looked up once more among all that was accepted before it, and judged anew where that tells more. So several deposits of one
command come out as if each had been handed in by a command of its own.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from policies.findings import Findings, KhoError, Verdict
from policies.phrases import phrase
from policies.retention import expires
from repository.archive import Archive
from repository.catalog import DepositChange, Transaction
from repository.deposits.examine import LOOKED_UP, distinct, look_up
from repository.deposits.ingest import FREE, Outcome, Seen, attempt, decide, failure, repeats, set_aside
from repository.deposits.remains import write_row
from repository.errors import KeyReused, Overtaken
from repository.model import Deposit, DepositState

__all__ = ["settle"]


def settle(archive: Archive, outcomes: Iterable[Outcome]) -> list[Deposit]:
    """Make outcomes known in their order, and set aside what was not accepted. Returns the deposits as they are then.

    One transaction, but where an outcome has to be judged anew, which may take long: that ends it, and the rest has another.
    """
    settled: list[Deposit] = []
    waiting = list(outcomes)
    while waiting:
        done, more = _settle_some(archive, waiting)
        for deposit in done:
            if deposit.state is not DepositState.ACCEPTED:
                set_aside(archive, deposit)
            elif deposit.decided_by:  # what is sealed does not tell why
                write_row(archive.spools.folder(deposit.id), deposit)
        settled += done
        waiting = waiting[len(done) :]
        if more is not None:
            waiting[0] = _again(archive, waiting[0], more)
    return settled


def _settle_some(archive: Archive, waiting: list[Outcome]) -> tuple[list[Deposit], Findings | None]:
    """(Deposits that are settled now, what the one after them was not judged by; None when that was all)."""
    done: list[Deposit] = []
    with archive.catalog.begin() as transaction:
        for outcome in waiting:
            change = _claimed(archive, outcome, transaction)
            if change is outcome.change and (more := _more(archive, outcome, transaction)) is not None:
                return done, more
            done.append(_enter(archive, outcome, change, transaction))
    return done, None


def _claimed(archive: Archive, outcome: Outcome, within: Transaction) -> DepositChange:
    """The outcome's own change, or another where its key is an earlier deposit's."""
    deposit, change = outcome.deposit, outcome.change
    deposits = archive.catalog.deposits
    earlier = deposits.by_key(deposit.producer, change["key"], within=within) if "key" in change else None
    if earlier is not None and earlier.id != deposit.id:
        if earlier.state in FREE:
            deposits.update(earlier.id, key=f"{earlier.key}#{earlier.id}", within=within)
        elif repeats(deposit, earlier, change["fingerprint"]):
            return _repetition(deposit, earlier, change)
        else:
            return _refusal(archive, deposit, KeyReused(change["key"], earlier.id), change)
    return change


def _more(archive: Archive, outcome: Outcome, within: Transaction) -> Findings | None:
    """What the archive says of it now, where that is not what it said when the deposit was examined."""
    if outcome.seen is None:
        return None
    found, counts = Findings(), outcome.change["finding_counts"]
    look_up(archive, outcome.deposit, outcome.seen.package, _contents(archive, outcome.deposit, outcome.seen), found, within)
    return None if found.counts == Counter({code: counts.get(code, 0) for code in LOOKED_UP}) else found


def _contents(archive: Archive, deposit: Deposit, seen: Seen) -> Iterable[tuple[bytes, str]]:
    return distinct(archive.spools.get(deposit.id), Findings()) if seen.contents is None else seen.contents


def _again(archive: Archive, outcome: Outcome, more: Findings) -> Outcome:
    """The outcome as it is when these findings take the place of those that were looked up before. Nothing is examined again."""
    deposit, seen, before = outcome.deposit, outcome.seen, outcome.change
    assert seen is not None
    findings = Findings()
    for each in before["findings"]:
        if each.code not in LOOKED_UP:
            findings.append(replace(each, weighed=None))
    findings.counts = Counter({code: count for code, count in before["finding_counts"].items() if code not in LOOKED_UP})
    findings.extend(more)

    def decided() -> Outcome:
        spool = archive.spools.get(deposit.id)
        change: DepositChange = {**before, **decide(archive, deposit, spool, seen.package, findings, seen.extra)}
        spool.commit()
        if change["state"] is not DepositState.ACCEPTED:
            shutil.rmtree(spool.folder / "sealed", ignore_errors=True)
        return replace(outcome, change=change)

    return attempt(deposit, decided)


def _enter(archive: Archive, outcome: Outcome, change: DepositChange, within: Transaction) -> Deposit:
    deposit, seen = outcome.deposit, outcome.seen
    if change.get("state") is None:  # what it repeated when it was looked at was let go a moment ago
        change = failure(KhoError("DEP-FAILED", deposit.label, reason=phrase("decided-meanwhile")))
    accepted = change["state"] is DepositState.ACCEPTED
    if accepted and deposit.update_of and _overtaken(archive, deposit, change, within):
        change, accepted = failure(Overtaken(deposit.update_of)), False
    change["updated"] = archive.clock.now()
    entered = archive.catalog.deposits.update(deposit.id, within=within, **change)
    if accepted and seen is not None:
        archive.catalog.coming.add(
            entered.id,
            entered.aip_id,
            producer=entered.producer,
            identifier=seen.package.identifier,
            contents=_contents(archive, deposit, seen),
            within=within,
        )
    return entered


def _overtaken(archive: Archive, deposit: Deposit, change: DepositChange, within: Transaction) -> bool:
    """Whether another update of the same AIP was stored, or accepted, since this one was sealed: only one version can come next,
    and tiers that were given different ones would never agree."""
    target = archive.catalog.holdings.find(deposit.update_of, within=within)
    under_way = archive.catalog.deposits.accepted_for(deposit.update_of, within=within)
    return target is None or target.version + 1 != change["aip_version"] or any(each != deposit.id for each in under_way)


def _repetition(deposit: Deposit, earlier: Deposit, change: DepositChange) -> DepositChange:
    return {
        "key": f"{change['key']}#{deposit.id}",
        "state": DepositState.REPEATED,
        "fingerprint": change["fingerprint"],
        "files": change["files"],
        "bytes": change["bytes"],
        "verdict": earlier.verdict,
        "findings": earlier.findings,
        "finding_counts": earlier.finding_counts,
        "reason": earlier.id,
        "aip_id": earlier.aip_id,
        "aip_version": earlier.aip_version,
    }


def _refusal(archive: Archive, deposit: Deposit, error: KhoError, claim: DepositChange) -> DepositChange:
    return {
        **claim,
        "key": f"{claim['key']}#{deposit.id}",
        "state": DepositState.REFUSED,
        "verdict": Verdict.REFUSE,
        "findings": (error.finding,),
        "finding_counts": {error.code: 1},
        "expires": expires(Verdict.REFUSE, archive.policy, archive.clock.now()),
    }
