"""Audit: re-read copies that are due, record what was found, and never call unknown fine.

One audit is many short steps; each takes the oldest copies that were not looked at since the audit began, within a byte budget, and
records their outcome in one transaction. So a killed audit goes on where it stopped, and nothing is counted twice.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fixity.verify import FixityReport, Outcome
from policies.audits import FULL, ahead, algorithm, next_check, next_look
from policies.findings import Finding, said
from policies.phrases import phrase
from repository.archive import Archive
from repository.catalog import Canary, EventRow, Transaction
from repository.checks.absence import not_there_yet, still_absent
from repository.checks.budgets import STEP_BYTES, left_today, pause, set_back
from repository.checks.canaries import CanaryCount, checks_of, reconcile, record, tampered, unproven
from repository.checks.comparison import stranger_of
from repository.coming import coming_version
from repository.ledger.events import DAMAGE, ledger_of
from repository.ledger.write_once import promise
from repository.model import CheckRecord, Copy, CopyState, Damage
from repository.progress import Progress
from repository.recalls import media_away
from storage.errors import Cold, MediumAway, StorageError, Unavailable
from storage.tier import ObjectId, RecallingTier, SequentialTier, Tier
from storage.verifiers import Check, Found

__all__ = ["AuditReport", "AuditScope", "audit_some", "check_copies", "not_asked", "state_of"]

MEDIUM_COPIES = 50_000
"""Copies of one step on media that are wound: as many as a cartridge is likely to hold, so that it is mounted once and read forwards."""

STEP_COPIES = 4_000
"""Copies of one audit step, for archives of many small AIPs: some seconds, as `STEP_BYTES` are. At the end of each the processes that
read wait for the next."""


@dataclass(frozen=True, slots=True)
class AuditScope:
    """What an audit covers. ``everything`` asks for all copies, else only those due; ``aip`` and ``tier`` narrow it."""

    everything: bool = False
    aip: str = ""
    tier: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"everything": self.everything, "aip": self.aip, "tier": self.tier}


@dataclass(slots=True)
class AuditReport:
    """What an audit did: copies by state found, files by outcome, bytes read, damages, and tiers that could not be asked."""

    checked: int = 0
    bytes: int = 0
    copies: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    damages: list[Damage] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)
    overdue: int = 0
    strangers: list[Finding] = field(
        default_factory=list
    )  # what tiers hold and the catalog does not know: the first of each tier
    stranger_count: int = 0
    compared: list[str] = field(default_factory=list)  # tiers that were held against the catalog
    canaries: dict[str, CanaryCount] = field(default_factory=dict)  # by tier: whether the checker found what was planted
    postponed: dict[str, str] = field(default_factory=dict)  # by tier: why copies that may be due were not read now
    cold: list[tuple[str, str]] = field(
        default_factory=list
    )  # copies (tier, AIP) that have to be brought before they can be read
    not_looked: Counter[str] = field(default_factory=Counter)  # by tier or medium: how many of those copies
    looked: int = 0  # copies that were looked at and not read
    unlocked: dict[str, str] = field(default_factory=dict)  # by tier: why a copy that is good is not write-once as promised

    def as_json(self) -> dict[str, Any]:
        return {
            "checked": self.checked,
            "bytes": self.bytes,
            "copies": dict(self.copies),
            "files": dict(self.files),
            "unavailable": self.unavailable,
            "strangers": [[each.code, each.path, dict(each.args)] for each in self.strangers],
            "stranger_count": self.stranger_count,
            "compared": self.compared,
            "canaries": {tier: count.as_json() for tier, count in self.canaries.items()},
            "unlocked": self.unlocked,
            "postponed": self.postponed,
            "looked": self.looked,
            "cold": self.cold,
            "not_looked": dict(self.not_looked),
        }

    def merge(self, step: Mapping[str, Any]) -> None:
        """Add one step's counts (JSON, as `audit_some` returned them)."""
        self.checked += step["checked"]
        self.bytes += step["bytes"]
        self.copies.update(step["copies"])
        self.files.update(step["files"])
        self.unavailable.update(step["unavailable"])
        self.strangers += map(stranger_of, step["strangers"])
        self.stranger_count += step["stranger_count"]
        self.compared += step["compared"]
        self.unlocked.update(step.get("unlocked", {}))
        self.postponed.update(step.get("postponed", {}))
        self.looked += step.get("looked", 0)
        self.cold += [(tier, aip_id) for tier, aip_id in step.get("cold", ())]
        self.not_looked.update(step.get("not_looked", {}))
        for canaries in (step["canaries"], step.get("looked_canaries", {})):
            for tier, count in canaries.items():
                self.canaries.setdefault(tier, CanaryCount()).add(count)

    def merge_comparison(self, tier: str, found: Mapping[str, Any]) -> None:
        """Add what one tier's comparison with the catalog found (JSON, as `repository.checks.comparison.compare` returned it)."""
        self.unavailable.update(found["unavailable"])
        self.strangers += map(stranger_of, found["strangers"])
        self.stranger_count += found["count"]
        self.compared += [] if found["unavailable"] else [tier]


def state_of(report: FixityReport) -> CopyState:
    """The state of a copy from one check of it. Unreadable only when nothing was seen to be damaged."""
    if report.ok:
        return CopyState.GOOD
    if any(report.counts[outcome] for outcome in (Outcome.ALTERED, Outcome.MISSING, Outcome.EXTRA)):
        return CopyState.DAMAGED
    return CopyState.UNREADABLE


def audit_some(
    archive: Archive, scope: Mapping[str, Any], started: str, skip: Sequence[str], progress: Progress
) -> dict[str, Any]:
    """One step of an audit that began at ``started`` (ISO 8601): the next copies that were not looked at since.

    ``skip`` names tiers found unavailable by earlier steps, or waited for. Returns counts as JSON; ``checked`` 0, nothing new that is
    ``unavailable`` and nothing ``cold`` means that nothing is left.
    """
    since, now = datetime.fromisoformat(started), archive.clock.now()
    asked_for = bool(scope["everything"] or scope["aip"])
    tiers = [name for name in ([scope["tier"]] if scope["tier"] else archive.tiers) if name not in skip]
    if set_back(since, now):
        return {**check_copies(archive, [], progress), "postponed": dict.fromkeys(tiers, phrase("audit-clock-back"))}
    pauses = {} if asked_for else {name: why for name in tiers if (why := pause(archive, name, now))}
    tiers = [name for name in tiers if name not in pauses]
    budgets = {name: STEP_BYTES if asked_for else min(STEP_BYTES, left_today(archive, name, now)) for name in tiers}
    wound = [name for name in tiers if isinstance(archive.tiers[name], SequentialTier)]
    brought = [name for name in tiers if _is_cold(archive.tiers[name])]
    plain = [name for name in tiers if budgets[name] > 0 and name not in (*wound, *brought)]

    def candidates(tiers: list[str], limit: int, *, budget: int | None) -> list[Copy]:
        due = None if asked_for else since
        return archive.catalog.copies.candidates(
            tiers=tiers,
            aip_id=scope["aip"] or None,
            due=due,
            checked_before=since,
            now=now,
            limit=limit,
            budget=budget,
            ahead=risks,
        )

    # Only where there is a choice between tiers.
    risks = {} if asked_for or len(plain) < 2 else {name: _ahead(archive, name, since) for name in plain}

    copies = candidates(plain, STEP_COPIES, budget=min(budgets[name] for name in plain)) if plain else []
    for name in wound:
        if not copies and budgets[name] > 0:
            left = None if asked_for else left_today(archive, name, now, None)
            copies = _on_one_medium(archive.tiers[name], functools.partial(candidates, [name], budget=None), skip, left)
    for name in brought:  # as many as may be read a day: each time they are waited for
        if not copies and budgets[name] > 0:
            copies = candidates([name], MEDIUM_COPIES, budget=None if asked_for else left_today(archive, name, now, None))
    alone = [] if copies or asked_for else unproven(archive, plain, now)
    return {**check_copies(archive, copies, progress, full=asked_for, alone=alone), "postponed": pauses}


def _is_cold(tier: Tier) -> bool:
    return isinstance(tier, RecallingTier) and tier.cold


def _on_one_medium(
    tier: Tier, candidates: Callable[[int], Sequence[Copy]], skip: Sequence[str], budget: int | None
) -> list[Copy]:
    """The next copies on one medium of a tier whose media are wound: that of the oldest copy of which nothing lies on a medium to be
    skipped. As many as ``budget`` bytes allow, and at least one; in the order in which they lie there."""
    assert isinstance(tier, SequentialTier)
    skipped = {each.removeprefix(f"{tier.name}/") for each in skip if each.startswith(f"{tier.name}/")}
    limit, known = MEDIUM_COPIES, 0
    while True:
        copies = candidates(limit)
        places = {copy.aip_id: tier.locality(ObjectId(copy.aip_id)) for copy in copies[known:]}
        open_ = [copy for copy in copies[known:] if not skipped or not _lies_on(tier, copy, places[copy.aip_id][0], skipped)]
        if open_ or len(copies) < limit:
            break
        known, limit = len(copies), 2 * limit  # however many wait for a medium that is away, those behind them are not forgotten
    together = [copy for copy in open_ if places[copy.aip_id][0] == places[open_[0].aip_id][0]]
    ends = itertools.accumulate(copy.bytes for copy in together)
    fitting = [copy for copy, end in zip(together, ends, strict=True) if budget is None or end <= budget] or together[:1]
    return sorted(fitting, key=lambda each: places[each.aip_id])


def _lies_on(tier: SequentialTier, copy: Copy, medium: str, media: Collection[str]) -> bool:
    """Whether something of a copy lies on one of these media, or would have to be brought on one."""
    return medium in media or not media_away(tier, copy.aip_id).keys().isdisjoint(media)


def _away(archive: Archive, copy: Copy, error: Unavailable) -> str:
    """What could not be asked: the tier, or only one of its media ("tape/LPD001L8")."""
    tier = archive.tiers[copy.tier]
    if isinstance(error, MediumAway) and isinstance(tier, SequentialTier):
        medium = error.finding.path if isinstance(error, Cold) else tier.locality(ObjectId(copy.aip_id))[0]
        return f"{copy.tier}/{medium}"
    return copy.tier


def _ahead(archive: Archive, tier: str, now: datetime) -> timedelta:
    damaged = archive.catalog.events.latest(DAMAGE, tier)
    since = {place.name: place.in_service for place in archive.settings.tiers}.get(tier)
    return ahead(archive.policy, tier, None if damaged is None else damaged.time, now, in_service=since)


def check_copies(
    archive: Archive, copies: Sequence[Copy], progress: Progress, *, full: bool = True, alone: Collection[str] = ()
) -> dict[str, Any]:
    """Re-read these copies and record each outcome. A tier that cannot be asked leaves its copies as they were, and says so.

    ``full`` checks by SHA-512, the digest OCFL stands on; else each copy by the algorithm that the policy's cycle asks for now. On tiers
    that are called ``alone`` the planted damage is checked though none of these copies lies there.
    """
    report, entries = AuditReport(), _Entries(archive)
    inventories = archive.catalog.holdings.inventories([copy.aip_id for copy in copies])
    progress.start("audit", sum(copy.bytes for copy in copies), "bytes")
    asked = _among_canaries(archive, [(copy, _check_of(archive, copy, inventories[copy.aip_id], full=full)) for copy in copies])
    asked += checks_of(archive, alone, FULL)
    planted: list[tuple[Canary, Found]] = []
    read: Counter[str] = Counter(dict.fromkeys(alone, 0))
    begun = time.monotonic()
    checks = archive.verifiers.verify([check for _, check in asked], progress.advance)
    for (copy, _), (check, found) in zip(asked, checks, strict=True):
        if isinstance(copy, Canary):
            planted.append((copy, found))
            continue
        if isinstance(found, Cold):  # it was asked for; whoever runs this audit sees to it that it is read when it has come
            report.cold.append((copy.tier, copy.aip_id))
            report.not_looked[_away(archive, copy, found)] += 1
        if isinstance(found, Unavailable):
            if not isinstance(found, Cold) or isinstance(found, MediumAway):  # what a store brings comes without anybody
                report.unavailable[_away(archive, copy, found)] = said(found.finding)
            continue
        if isinstance(found, StorageError):
            raise found
        try:
            found = _with_coming(archive, copy, check.expected, found, check.algorithm, progress.advance)
            absent = not_there_yet(archive, copy, check.expected, found)
        except Unavailable as error:
            report.unavailable[copy.tier] = said(error.finding)
            continue
        entry = record_of(archive, copy, found, check.algorithm)
        entry = still_absent(entry) if absent else entry
        entries.add(entry)
        report.checked += 1
        report.bytes += found.bytes_read
        read[copy.tier] += found.bytes_read
        report.copies[entry.state.value] += 1
        if not absent:
            report.files.update({outcome.value: count for outcome, count in found.counts.items()})
        if len(entries.records) == STEP_COPIES:  # a cartridge is one step, of hours: what was found is not lost with the step
            entries.enter()
            entries = _Entries(archive)
    report.canaries = reconcile(planted)
    took = int((time.monotonic() - begun) * 1000) if copies else 0  # planted damage alone measures no tier
    with archive.catalog.begin() as transaction:
        entries.enter(within=transaction)
        record(archive, report.canaries, read, took, within=transaction)
    for each in entries.records:
        if each.state is CopyState.GOOD and (problem := promise(archive, each.tier, each.aip_id)):
            report.unlocked[each.tier] = problem
    return report.as_json()


class _Entries:
    """What is to be entered of copies that were checked. What can be made ready is, while others are still being read: the transaction
    for which the readers would wait, and everybody else who writes, is short."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._ledger = archive, ledger_of(archive)
        self.records: list[CheckRecord] = []
        self._told: list[EventRow] = []

    def add(self, record: CheckRecord) -> None:
        self.records.append(record)
        self._told += self._ledger.told(record)

    def enter(self, *, within: Transaction | None = None) -> None:
        with contextlib.nullcontext(within) if within is not None else self._archive.catalog.begin() as transaction:
            self._archive.catalog.copies.record(self.records, within=transaction)
            self._ledger.checked(self.records, told=self._told, within=transaction)


def _among_canaries(archive: Archive, asked: list[tuple[Copy, Check]]) -> list[tuple[Copy | Canary, Check]]:
    """The checks of a step in their order, with those of canaries at random places between: nobody who checks can tell them apart."""
    mixed: list[tuple[Copy | Canary, Check]] = [*asked]
    there = (each for each in asked if each[0].state is not CopyState.ABSENT)  # nothing can be found wrong where nothing is
    smallest = {copy.tier: check for copy, check in sorted(there, key=lambda each: each[1].bytes, reverse=True)}
    for tier, check in smallest.items():
        hidden = checks_of(archive, [tier], check.algorithm) or [tampered(check)]
        for each in hidden:
            mixed.insert(_CHOICE.randint(0, len(mixed)), each)
    return mixed


_CHOICE = random.SystemRandom()


def not_asked(archive: Archive, tiers: Mapping[str, str], started: str) -> None:
    """Enter one event a tier that the audit begun at ``started`` could not ask (name → why), however many copies that left out."""
    ledger = ledger_of(archive)
    for name in sorted(tiers):
        event = ledger.event("fixity check", "warning", detail={"unavailable": "STO-UNAVAILABLE"})
        ledger.append([replace(event, id=str(uuid.uuid5(_NAMESPACE, f"{started} {name}")), tier=name)])


_NAMESPACE = uuid.UUID("b5b5f4a8-2f0e-4f3c-9f7e-6c1f7c1f9a20")


def _check_of(archive: Archive, copy: Copy, expected: Mapping[int, bytes], *, full: bool) -> Check:
    by = FULL if full else algorithm(archive.policy, copy.tier, copy.last_full, archive.clock.now(), collection=copy.collection)
    return Check(archive.tiers[copy.tier], ObjectId(copy.aip_id), expected, by, copy.bytes)


def verify_copy(
    archive: Archive,
    copy: Copy,
    expected: Mapping[int, bytes],
    *,
    algorithm: str = FULL,
    progress: Callable[[int], None] | None = None,
) -> FixityReport:
    """Re-read one copy and hold it against ``expected``. Raises Unavailable."""
    found = archive.tiers[copy.tier].verify(ObjectId(copy.aip_id), expected, algorithm=algorithm, progress=progress)
    return _with_coming(archive, copy, expected, found, algorithm, progress)


def verify_copies(archive: Archive, copies: Sequence[tuple[Copy, Mapping[int, bytes]]]) -> Iterator[Found]:
    """Re-read several copies, each with what is expected of it, together where their medium is wound: what was found, in their order."""
    checks = [Check(archive.tiers[copy.tier], ObjectId(copy.aip_id), expected, FULL, copy.bytes) for copy, expected in copies]
    for (copy, expected), (_, found) in zip(copies, archive.verifiers.verify(checks, _quiet), strict=True):
        if isinstance(found, StorageError):
            yield found
            continue
        try:
            yield _with_coming(archive, copy, expected, found, FULL, None)
        except StorageError as error:
            yield error


def _quiet(count: int) -> None:
    return None


def _with_coming(
    archive: Archive,
    copy: Copy,
    expected: Mapping[int, bytes],
    found: FixityReport,
    algorithm: str,
    progress: Callable[[int], None] | None,
) -> FixityReport:
    """A version that is being kept just now, or waits for another tier, may be on this one already: it has to be whole, and is no
    damage; so what was ``found`` is held against that, too. Where no object was found at all, the catalog says what content is missing
    with it: the walk saw that nothing is there, only the names are the catalog's. Raises Unavailable."""
    if found.absent:
        for path, sha512 in archive.catalog.holdings.contents(copy.aip_id, max(expected)):
            found.problem(path, Outcome.MISSING, sha512.hex())
        return found
    coming = {} if found.ok else coming_version(archive, copy.aip_id)
    if found.inventory_sha512 not in {digest.hex() for digest in coming.values()}:
        return found
    tier, object_id = archive.tiers[copy.tier], ObjectId(copy.aip_id)
    return tier.verify(object_id, {**expected, **coming}, algorithm=algorithm, progress=progress)


def record_of(archive: Archive, copy: Copy, found: FixityReport, by: str = FULL) -> CheckRecord:
    """One check of one copy, as it is recorded: state, counts, damages, and when to look again."""
    now = archive.clock.now()
    state = state_of(found)
    good = state is CopyState.GOOD
    return CheckRecord(
        aip_id=copy.aip_id,
        tier=copy.tier,
        time=now,
        state=state,
        algorithm=by,
        files=found.counts.total(),
        bytes=found.bytes_read,
        inventory_sha512=found.inventory_sha512,
        version=copy.version,
        last_check=copy.last_check if copy.state is CopyState.GOOD else None,  # damage that is found again is not found anew
        check_next=next_check(archive.policy, copy.tier, now, good=good, collection=copy.collection),
        look_next=next_look(archive.policy, copy.tier, now, good=good, collection=copy.collection),
        damages=tuple(
            Damage(copy.aip_id, copy.tier, each.path, each.outcome.value, each.expected, each.found, now)
            for each in found.problems
        ),
    )
