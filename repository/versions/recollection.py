"""Collecting what was missing: validation data that could not be had when a record came in is asked for again, and comes as a new version.

A late answer never changes what was judged: the old report and its verdict stay, the new version brings a report of its own and an event.
What is still missing stays on the attention list.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from policies.findings import Findings
from repository.aip.enclosures import Enclosures
from repository.archive import Archive
from repository.deposits.ingest import AIP_NAMESPACE, SIGNATURE_CODES, VALIDATED
from repository.jobs.flow import Json, Step, Steps
from repository.ledger.events import ledger_of
from repository.model import Aip, DepositState, Event
from repository.signed.again import Again, look_again
from repository.signed.examiner import UNJUDGED
from repository.signed.trust import collector_of, context_of
from repository.versions.batches import sealed_deposit
from repository.versions.campaigns import KeepAndRegister

__all__ = ["Collect", "Waiting", "attention"]

BATCH: Final = 16
"""AIPs of one step: each asks several addresses, and a killed step asks again."""

PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """An AIP on the attention list. ``counts``: how its signatures came out when they were last looked at, by code."""

    aip_id: str
    looked: datetime
    counts: dict[str, int]

    @property
    def lacks_data(self) -> bool:
        return bool(self.counts.get("SIG-NOT-COLLECTED"))

    def due(self, archive: Archive, now: datetime) -> bool:
        """Whether it is time to ask again for what is missing."""
        return self.lacks_data and now - self.looked >= archive.policy.signatures.retry


def attention(archive: Archive) -> list[Waiting]:
    """Every AIP whose signatures did not all pass when they were last looked at, oldest first; only these are held in memory."""
    found: dict[str, Waiting] = {}
    for event in _validations(archive):
        found.pop(event.aip_id, None)
        if event.outcome != "success":
            counts = {code: int(event.detail[code]) for code in SIGNATURE_CODES if code in event.detail}
            found[event.aip_id] = Waiting(event.aip_id, event.time, counts)
    return sorted(found.values(), key=lambda each: each.looked)


def _validations(archive: Archive) -> Iterator[Event]:
    cursor: str | None = None
    while True:
        page = archive.catalog.events.list(type=VALIDATED, cursor=cursor, limit=PAGE)
        yield from (event for event in page.items if event.aip_id)
        if page.cursor is None:
            return
        cursor = page.cursor


class Collect:
    """choose → (collect → keep on each tier → register)… The argument: {"aip" ("" for all that are due), "tiers", "actor"}. Returns
    {"looked", "versions", "waiting"}: AIPs looked at, new versions made, AIPs that still lack something."""

    def __init__(self, archive: Archive, keep_and_register: KeepAndRegister) -> None:
        self._archive = archive
        self._keep_and_register = keep_and_register

    def __call__(self, steps: Steps, argument: Json) -> Json:
        total: Counter[str] = Counter(looked=0, versions=0, waiting=0)
        chosen: list[str] = steps.run("choose", self._choose, argument["aip"])
        for start in range(0, len(chosen), BATCH):
            done = steps.run("collect", self._collect, steps.job_id, chosen[start : start + BATCH])
            total.update(done["counts"])
            self._keep_and_register(steps, done["deposits"], argument["tiers"])
        return dict(total)

    def _choose(self, step: Step, aip_id: str) -> list[str]:
        if aip_id:
            return [aip_id]
        now = self._archive.clock.now()
        return [each.aip_id for each in attention(self._archive) if each.due(self._archive, now)]

    def _collect(self, step: Step, job_id: str, aip_ids: list[str]) -> dict[str, Any]:
        context = context_of(self._archive, self._archive.clock.now())
        collector = collector_of(self._archive, context)
        counts: Counter[str] = Counter()
        deposits: list[str] = []
        for aip_id in aip_ids if collector is not None else ():
            step.check()
            assert collector is not None
            aip = self._archive.catalog.holdings.get(aip_id)
            deposit_id = str(uuid.uuid5(AIP_NAMESPACE, f"signatures:{job_id}:{aip_id}"))
            again = look_again(self._archive, aip_id, context, collector)
            counts.update(looked=1, waiting=int(again.counts.get("SIG-NOT-COLLECTED", 0) > 0))
            made = self._sealed(aip, again, deposit_id)
            counts.update(versions=int(bool(made)))
            deposits += [made] if made else []
        return {"counts": dict(counts), "deposits": deposits}

    def _sealed(self, aip: Aip, again: Again, deposit_id: str) -> str:
        """The deposit of a new version that brings what is new; "" when nothing is, or another version came first."""
        known = self._archive.catalog.deposits.find(deposit_id)
        if known is not None:
            return known.id if known.state is DepositState.ACCEPTED else ""
        waiting = again.counts.keys() - {*UNJUDGED.values()}  # which nothing that can be had will change
        outcome = "success" if waiting <= {"SIG-PASSED"} and again.counts else "warning"
        detail: dict[str, str | int] = {**again.counts, "collected": len(again.data)}
        event = replace(ledger_of(self._archive).event(VALIDATED, outcome, detail=detail), aip_id=aip.id, aip_version=aip.version)
        if not again.data:
            ledger_of(self._archive).append([event])
            return ""
        enclosures = Enclosures(self._archive.spools.get(deposit_id))
        enclosures.clear()
        for path, content in again.files():
            enclosures.add(path, content)
        deposit = sealed_deposit(
            self._archive,
            aip,
            deposit_id=deposit_id,
            source="signatures",
            key=f"signatures:{deposit_id}",
            reason="validation data of signatures",
            events=[replace(event, deposit_id=deposit_id, aip_version=aip.version + 1)],
            findings=Findings(),
        )
        return deposit.id if deposit is not None else ""
