"""The report on a period of checks: every figure is a sum over ledger events that are handed out with it, so that nobody has to believe it.

What is not a sum (the state of the tiers at the moment of the report, ages of last checks, names of damaged files) stands apart and
says so.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from policies.rhythm import AuditPolicy
from repository.archive import SOFTWARE, Archive, software_version
from repository.catalog import LedgerDay, Members
from repository.errors import UnknownCollection
from repository.ledger.days import head_line
from repository.ledger.events import DAMAGE
from repository.ledger.keeper import export_days
from repository.ledger.keys import lost_keys
from repository.ledger.verifier import FAULTY, TIME, Sums, believable
from repository.reports.fixity import TierState, tier_states
from repository.rooms import room
from storage.tier import ObjectId

__all__ = ["LISTED_FAULTS", "PeriodScope", "figure_rows", "gather", "write_tables"]

LISTED_FAULTS = 10_000
"""Damaged files that are named one by one; all are counted."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PeriodScope:
    """What a report covers: whole days (UTC) from ``first`` to ``last``; one tier, the AIPs of one
    collection or producer, or all ("")."""

    first: date
    last: date
    tier: str = ""
    collection: str = ""

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time.min, UTC)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time.min, UTC)


def gather(archive: Archive, scope: PeriodScope, target: Path | None = None) -> Document:
    """The report as a document (`docs/cli.md`, fixity_report). With ``target`` the days of the ledger that it is made of are written
    there, with their verifier, in the same pass."""
    now = archive.clock.now()  # before the days are looked for: one that is closed meanwhile is not missed
    days = _days(archive, scope)
    members = _members(archive, scope.collection)
    aips: list[str] | None = None if members is None else sorted(archive.catalog.collections.ids_of(members))
    sums = Sums(scope.since.strftime(TIME), scope.until.strftime(TIME), scope.tier, None if aips is None else set(aips))
    faults = _Faults(archive, scope, sums)
    with _place(archive, target) as folder:
        first, last = (days[0].number, days[-1].number) if days else (0, 0)
        # Of no day the verifier is handed out alone: it says that nothing is proven.
        for segment in export_days(archive, folder, first, last):
            with open(segment, encoding="ascii") as lines:
                for event in map(json.loads, lines):
                    sums.add(event)
                    if event["type"] == DAMAGE:
                        faults.see(event)
            if target is None:
                segment.unlink()  # the next one may be as large
    states = [state for state in tier_states(archive, now, members) if scope.tier in ("", state.name)]
    figures = sums.figures()
    return {
        "period": {"from": sums.since, "to": sums.until},
        "scope": {"tier": scope.tier, "collection": scope.collection, "aips": aips},
        "generated": now.strftime(TIME),
        "software": f"{SOFTWARE} {software_version()}",
        "policy": {"digest": archive.policy.digest, "version": archive.policy.version, **_periods(archive)},
        "figures": figures,
        "believed": believable(figures),
        "ledger": {
            "first": first,
            "last": last,
            "head": head_line(days[-1].head) if days else "",
            "open_events": _open(archive, scope),
            "lost_keys": [key.as_json() for key in lost_keys(archive) if key.first <= last],
        },
        "state": _state(archive, states, now, members),
        "not_checked": _not_checked(states, figures, archive.catalog.looks.overdue(now, members)),
        "faulty_count": faults.count,
        "faulty": faults.rows,
    }


def _days(archive: Archive, scope: PeriodScope) -> list[LedgerDay]:
    """Closed days that hold the period, and the one after it, into which events went that were under way at its end."""
    return [
        day for day in archive.catalog.days.between() if day.day >= scope.first and day.since <= scope.last + timedelta(days=1)
    ]


@contextlib.contextmanager
def _place(archive: Archive, target: Path | None) -> Iterator[Path]:
    """Where the days are written: ``target``, or a folder that is gone afterwards."""
    if target is not None:
        yield target
        return
    with room(archive.settings.home, "report") as folder:
        yield folder


class _Faults:
    """The faulty list of the minutes: number, medium, path, file name (Circular 02/2019, annexes III and IV). A file stands in it once,
    however often checks met it until it was repaired."""

    def __init__(self, archive: Archive, scope: PeriodScope, sums: Sums) -> None:
        self._archive, self._scope, self._sums = archive, scope, sums
        self._known: dict[bytes, Document | None] = {}
        self.rows: list[Document] = []

    @property
    def count(self) -> int:
        return len(self._known)

    def see(self, event: Document) -> None:
        """A damage as its day tells it."""
        tier, aip = event.get("tier", ""), event.get("aip", "")
        if not self._sums.since <= event["time"] < self._sums.until or self._scope.tier not in ("", tier):
            return
        if self._sums.aips is not None and aip not in self._sums.aips:
            return
        note = self._archive.catalog.events.note(event["id"])
        path = str(note[1].get("path", "")) if note else ""
        problem = event["detail"]["problem"]
        # Where the name was erased, the digest that was expected tells one file of an AIP from another.
        key = f"{tier}\0{aip}\0{problem}\0{path or event['detail'].get('expected', '')}"
        short = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if short in self._known:
            if met := self._known[short]:
                met["times"] += 1
            return
        self._known[short] = None
        if len(self.rows) == LISTED_FAULTS:
            return
        known = self._archive.tiers.get(tier)
        place = f"{known.place_of(ObjectId(aip))}/{path}" if known else path
        folder, _, name = place.rpartition("/")
        named = {"path": folder if note else "", "name": name if note else ""}
        row = {"number": len(self.rows) + 1, "medium": tier, **named, "outcome": problem, "aip": aip, "time": event["time"]}
        self.rows.append({**row, "times": 1})
        self._known[short] = self.rows[-1]


def _open(archive: Archive, scope: PeriodScope) -> int:
    """Events of the period that are in no closed day yet."""
    last = archive.catalog.days.last()
    rows = archive.catalog.days.events(last.last + 1 if last else 1)
    return sum(scope.since <= event.time < scope.until for _, event in rows)


def _members(archive: Archive, name: str) -> Members | None:
    """Whom a name means: a collection of the policy, else a producer; None for everybody. Raises UnknownCollection."""
    known = [each.name for each in archive.policy.collections]
    if not name or name in known:
        return Members(collection=name) if name else None
    if not archive.catalog.collections.has_producer(name):
        raise UnknownCollection(name, ", ".join(known))
    return Members(producer=name)


def _periods(archive: Archive) -> Document:
    """Days between two readings by tier; of collections where they are others; and days between two looks where there are any."""
    policy = archive.policy
    looks = {tier: audit.look_every / _DAY for tier in archive.tiers if (audit := policy.audit(tier)).look_every}
    return {
        "every": {tier: _days_of(policy.audit(tier)) for tier in archive.tiers},
        "collections": {each.name: {tier: _days_of(audit) for tier, audit in each.audits.items()} for each in policy.collections},
        "look_every": looks,
    }


_DAY = timedelta(days=1)


def _days_of(audit: AuditPolicy) -> float:
    days = audit.every / _DAY
    return int(days) if days.is_integer() else days


def _state(archive: Archive, states: Sequence[TierState], now: datetime, members: Members | None) -> list[Document]:
    """What the catalog says of each tier at the moment of the report: no sum over events."""
    ages = archive.catalog.copies.ages(now, members)
    return [
        {
            "tier": tier.name,
            "copies": tier.copies,
            "bytes": tier.bytes,
            "good": tier.good,
            "damaged": tier.damaged,
            "unreadable": tier.unreadable,
            "unknown": tier.unknown,
            "absent": tier.absent,
            "overdue": tier.overdue,
            "never_checked": tier.never_checked,
            "unreachable": tier.unreachable,
            "ages": ages.get(tier.name, {}),
        }
        for tier in states
    ]


def _not_checked(states: Sequence[TierState], figures: Document, unseen: Mapping[str, int]) -> list[Document]:
    """What was not checked, and why: tier, reason, how many copies (or times)."""
    rows: list[Document] = []
    for tier in states:
        reasons = {
            "unreachable": tier.copies if tier.unreachable else 0,
            "overdue": tier.overdue,
            "never_checked": tier.never_checked,
            "look_overdue": unseen.get(tier.name, 0),
            "absent": tier.absent,
            "unreadable": figures.get(tier.name, {}).get("unreadable", 0),
            "not_asked": figures.get(tier.name, {}).get("not_asked", 0),
        }
        rows += [{"tier": tier.name, "reason": reason, "count": count} for reason, count in reasons.items() if count]
    return rows


def write_tables(document: Document, target: Path) -> None:
    """Write figures.csv and faulty.csv."""
    with open(target / "figures.csv", "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(figure_rows(document))
    with open(target / "faulty.csv", "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        writer = csv.DictWriter(stream, FAULTY)
        writer.writeheader()
        writer.writerows(document["faulty"])
        stream.flush()
        os.fsync(stream.fileno())


def figure_rows(document: Document) -> Iterator[list[str | int]]:
    """tier, figure, value: one row a figure."""
    yield ["tier", "figure", "value"]
    for tier, count in document["figures"].items():
        for name, value in count.items():
            yield [tier, name, value]
