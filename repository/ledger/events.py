"""The ledger: what happened is appended as events, with ids, counts and digests. What names people or their words goes into a note
beside the event, which can be erased; the event keeps only the note's salted digest, so an erased note leaves no gap.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from fixity.verify import Outcome, Problem
from policies.findings import KhoError, spoken
from repository.archive import SOFTWARE, Archive, software_version
from repository.catalog import Catalog, EventRow, Note, Transaction, event_row
from repository.clock import Clock
from repository.ledger.in_force import remember
from repository.ledger.verifier import TIME
from repository.model import CheckRecord, Copy, CopyState, Damage, Deposit, DepositState, Event
from storage.putting_right import PutRight
from storage.tier import SealedVersion

__all__ = ["DAMAGE", "Ledger", "ledger_of", "note_digest"]

DAMAGE = "damage"
"""The type of the event that tells of one damaged file."""

_OUTCOMES = {CopyState.GOOD: "success", CopyState.UNREADABLE: "warning"}
"""PREMIS outcome of a check by the state found; damage is "fail". Unreadable is not damage, and not success either."""


def note_digest(note: Note) -> str:
    """SHA-256 (hexadecimal) over salt and canonical JSON of what was said."""
    salt, said = note
    words = json.dumps(dict(said), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(salt + words.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class Ledger:
    """Appends events. ``actor`` is who asked ("" when nobody did: the schedule), ``software`` who worked, ``policy`` the digest of
    the promises in force."""

    catalog: Catalog
    clock: Clock
    actor: str
    software: str
    policy: str

    def event(
        self,
        type_: str,
        outcome: str,
        *,
        agent: str = "",
        asked_by: str | None = None,
        detail: Mapping[str, str | int] | None = None,
        **about: Any,
    ) -> Event:
        """A new event of now; ``about`` are other fields of it, which `dataclasses.replace` may add as well, at twice the cost. The
        policy's digest stands in it.

        ``agent`` is a person who did it; else the software did, and ``asked_by`` (the actor, when None) had asked for it.
        """
        asker = self.actor if asked_by is None else asked_by
        asked = {"asked_by": asker} if asker and not agent else {}
        return Event(
            id=str(uuid.uuid4()),
            type=type_,
            agent=agent or self.software,
            outcome=outcome,
            detail={**(detail or {}), **asked, "policy": self.policy},
            **({"time": self.clock.now()} | about),
        )

    def append(self, events: Iterable[Event | EventRow], *, within: Transaction | None = None) -> None:
        """Append events; those that are there already stay as they are."""
        self.catalog.events.append(events, within=within)

    def append_with_note(self, event: Event, said: Mapping[str, str], *, within: Transaction | None = None) -> Event:
        """Append an event whose names and reasons can be erased later."""
        note = (os.urandom(16), dict(said))
        noted = replace(event, detail={**event.detail, "note_sha256": note_digest(note)})
        if within is not None:
            self.catalog.events.append([noted], within=within)
            self.catalog.events.add_note(noted.id, note, within=within)
            return noted
        with self.catalog.begin() as transaction:
            return self.append_with_note(event, said, within=transaction)

    def decided(self, deposit: Deposit, reason: str, *, within: Transaction | None = None) -> Event:
        """An officer released or refused a held deposit, with a reason."""
        decision = "refuse" if deposit.state is DepositState.REFUSED else "release"
        event = self.event("appraisal", "success", agent=self.actor, detail={"decision": decision})
        event = replace(event, deposit_id=deposit.id, aip_id=deposit.aip_id)
        return self.append_with_note(event, {"by": deposit.decided_by or self.actor, "reason": reason}, within=within)

    def let_go(self, deposit: Deposit) -> None:
        """The bytes of a deposit that did not become a record were removed, because the time the policy keeps them is over."""
        event = self.event("deletion", "success", detail={"state": deposit.state.value, "fingerprint": deposit.fingerprint})
        self.append([replace(event, deposit_id=deposit.id)])

    def kept(self, kept: Iterable[tuple[Deposit, Mapping[str, Mapping[str, Any]]]], *, within: Transaction | None = None) -> None:
        """Versions were written to tiers and re-read there: deposit, and tier → {"ok", "bytes", "error"}."""
        self.append((event for each in kept for event in self._replications(*each)), within=within)

    def _replications(self, deposit: Deposit, kept: Mapping[str, Mapping[str, Any]]) -> Iterator[Event]:
        for tier, result in kept.items():
            outcome = "success" if result["ok"] else "fail"
            event = self.event("replication", outcome, asked_by=deposit.actor, detail={"bytes": int(result.get("bytes", 0))})
            yield replace(event, aip_id=deposit.aip_id, aip_version=deposit.aip_version, deposit_id=deposit.id, tier=tier)

    def brought(self, copy: Copy, numbers: Sequence[int], source: str, *, within: Transaction | None = None) -> None:
        """Versions that a copy lacked were written to it, from ``source`` (a tier); that they are good, its next check says."""
        detail: dict[str, str | int] = {"source": source, "from": numbers[0], "to": numbers[-1]}
        event = self.event("replication", "success", detail=detail)
        self.append([replace(event, aip_id=copy.aip_id, aip_version=numbers[-1], tier=copy.tier)], within=within)

    def checked(
        self, records: Iterable[CheckRecord], *, told: Sequence[EventRow] | None = None, within: Transaction | None = None
    ) -> None:
        """Copies were re-read: one event a copy, and one a file that was not good, whose path stands in its note. Of those that are still
        absent nothing was read. ``told`` are the events of the copies (`told`) where they were made before."""
        records = [record for record in records if record.state is not CopyState.ABSENT]
        with self.catalog.begin() if within is None else contextlib.nullcontext(within) as transaction:
            self.append(map(self._check, records) if told is None else told, within=transaction)
            for record in records:
                for damage in record.damages:
                    self._damaged(record, damage, transaction)

    def told(self, record: CheckRecord) -> Sequence[EventRow]:
        """The event of one checked copy as the catalog keeps it, none of one still absent: to be made while others are still being read,
        and appended by `checked`."""
        return [] if record.state is CopyState.ABSENT else [event_row(self._check(record))]

    def _damaged(self, record: CheckRecord, damage: Damage, within: Transaction) -> None:
        detail: dict[str, str | int] = {"problem": damage.outcome, "expected": damage.expected}
        said = {"path": damage.path, "found": spoken(damage.found)}
        event = self.event(DAMAGE, "warning" if damage.outcome == Outcome.UNREADABLE.value else "fail", detail=detail)
        event = replace(event, aip_id=record.aip_id, aip_version=record.version, tier=record.tier, time=record.time)
        self.append_with_note(event, said, within=within)

    def _check(self, record: CheckRecord) -> Event:
        problems = Counter(damage.outcome for damage in record.damages)
        detail: dict[str, str | int] = {"algorithm": record.algorithm, "files": record.files, "bytes": record.bytes}
        detail["inventory"] = record.inventory_sha512
        if record.last_check is not None and record.state is not CopyState.GOOD:
            detail["last"] = record.last_check.astimezone(UTC).strftime(TIME)
        return self.event(
            "fixity check",
            _OUTCOMES.get(record.state, "fail"),
            detail={**detail, **problems},
            aip_id=record.aip_id,
            aip_version=record.version,
            tier=record.tier,
            time=record.time,
        )

    def seen(self, damages: Sequence[Damage], version: int, during: str, *, within: Transaction | None = None) -> None:
        """Files of one copy turned out not to be good ``during`` something else than a check of the copy."""
        counts = Counter(damage.outcome for damage in damages)
        outcome = "warning" if counts.keys() == {Outcome.UNREADABLE.value} else "fail"
        event = self.event("fixity check", outcome, detail={"seen": during, **counts})
        self.append([replace(event, aip_id=damages[0].aip_id, aip_version=version, tier=damages[0].tier)], within=within)

    def repaired(self, copy: Copy, problem: Problem, source: str, *, within: Transaction | None = None) -> Event:
        """One file of a copy was put right from ``source`` (a tier)."""
        return self._mended("recovery", "success", copy, problem, {"source": source}, within)

    def quarantined(self, copy: Copy, problem: Problem, place: str, *, within: Transaction | None = None) -> Event:
        """One file that does not belong was moved out of a copy."""
        return self._mended("quarantine", "success", copy, problem, {"place": place}, within)

    def repair_failed(self, copy: Copy, problem: Problem, error: BaseException, *, within: Transaction | None = None) -> Event:
        """One file of a copy could not be put right."""
        code = error.code if isinstance(error, KhoError) else type(error).__name__
        return self._mended("recovery", "fail", copy, problem, {"error": code, "reason": str(error)}, within)

    def put_right(self, sealed: SealedVersion, tier: str, done: PutRight, source: str) -> Event:
        """One file of a copy that does not count yet was put right from ``source``, or moved out of it."""
        copy = Copy(sealed.object_id, tier, sealed.number, CopyState.DAMAGED, None, None, None, 0, 0)
        if done.place:
            return self.quarantined(copy, done.problem, done.place)
        return self.repaired(copy, done.problem, "rule" if done.by_rule else source)

    def root_repaired(self, tier: str, problem: Problem, error: BaseException | None = None) -> None:
        """A file of a tier's storage root itself was put right with the bytes that the rules give, or (``error``) could not be."""
        detail: dict[str, str | int] = {"problem": problem.outcome.value, "expected": problem.expected, "root": problem.path}
        if error is None:
            detail["source"] = "rule"
        else:
            detail["error"] = error.code if isinstance(error, KhoError) else type(error).__name__
        event = self.event("recovery", "success" if error is None else "fail", detail=detail)
        self.append([replace(event, tier=tier)])

    def _mended(
        self, type_: str, outcome: str, copy: Copy, problem: Problem, more: dict[str, str], within: Transaction | None
    ) -> Event:
        """File names and places can name people, so they stand in the note; the digest that was expected says which file it was."""
        detail: dict[str, str | int] = {"problem": problem.outcome.value, "expected": problem.expected}
        if seen := [each.detected for each in copy.damages if each.path == problem.path and each.detected is not None]:
            detail["detected"] = min(seen).astimezone(UTC).strftime(TIME)
        detail.update({name: value for name, value in more.items() if name in ("source", "error")})
        said = {"path": problem.path, **{name: value for name, value in more.items() if name not in detail}}
        event = replace(self.event(type_, outcome, detail=detail), aip_id=copy.aip_id, aip_version=copy.version, tier=copy.tier)
        return self.append_with_note(event, said, within=within)

    def exported(
        self, aip_id: str, version: int, form: str, files: int, size: int, *, within: Transaction | None = None
    ) -> Event:
        """A version was handed out as ``form``: so many files, so many bytes."""
        event = self.event("dissemination", "success", detail={"form": form, "files": files, "bytes": size})
        event = replace(event, aip_id=aip_id, aip_version=version)
        self.append([event], within=within)
        return event

    def now(self) -> datetime:
        """The time of the ledger's clock."""
        return self.clock.now()


def ledger_of(archive: Archive) -> Ledger:
    """The ledger of an opened archive, asked for when something is to be entered: the policy in force is remembered."""
    remember(archive)
    software = f"{SOFTWARE} {software_version()}"
    return Ledger(archive.catalog, archive.clock, archive.actor, software, archive.policy.digest)
