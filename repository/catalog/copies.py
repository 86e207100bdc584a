"""Copies: one row an AIP and tier; what is due, what was found, what is damaged. Checks are recorded a copy, never a file."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
)

from fixity.due import Candidate, take_due
from repository.catalog.checks import record_checks, record_sighting
from repository.catalog.collections import Members, only
from repository.catalog.columns import Words, moment, unescaped
from repository.catalog.cursors import LARGEST_PAGE, cursor_at, page_of, place_of
from repository.catalog.database import Database, Transaction
from repository.catalog.registration import copy_row, enter_copies
from repository.catalog.tables import aip, damage
from repository.catalog.tables import copy as table
from repository.model import CheckRecord, Copy, CopyState, Damage, Page

__all__ = ["Copies", "TierSummary", "copies_of"]

_NOTHING = timedelta(0)

AGES = (30, 90, 180, 365)
"""Days; the classes in which ages of last checks are counted."""

ASKED_AT_ONCE = 500
"""AIPs whose copies are fetched in one query."""

Enough = Callable[[str, Sequence[str]], bool]
"""Whether good copies on these tiers are what is promised."""

_NOT_GOOD = text("state <> 'good'")
"""Word for word the condition of the index copy_not_good; a bound parameter would keep SQLite from using it."""

Due = tuple[str, int, int]
"""A copy that is to be checked: AIP, when (the microseconds of an `Instant`), and its bytes. Bare, because ten thousand are asked for at
once, and a moment is made only of those that are looked at."""

_DUE = select(type_coerce(table.c.aip_id, Text), type_coerce(table.c.check_next, BigInteger), table.c.bytes)
"""Columns of the index copy_due, so that the table is never touched."""

_OLDEST_FIRST = (table.c.check_next, table.c.aip_id)

_NEXT_DUE = (
    _DUE.where(table.c.tier == bindparam("of"), table.c.check_next <= bindparam("then"))
    .order_by(*_OLDEST_FIRST)
    .limit(bindparam("most"))
)
"""Made once: making it takes two thirds of the time of a short answer."""

_WITH_COLLECTION = select(table, aip.c.collection).outerjoin(aip, aip.c.id == table.c.aip_id)


@dataclass(frozen=True, slots=True)
class TierSummary:
    """The copies of one tier: how many in each state, how many overdue or never checked, and the oldest check among all."""

    name: str
    copies: int
    bytes: int
    states: dict[CopyState, int]
    overdue: int
    never_checked: int
    oldest_check: datetime | None

    def count(self, state: CopyState) -> int:
        return self.states.get(state, 0)


class Copies:
    """What the catalog knows of copies. Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, aip_id: str, *, within: Transaction | None = None) -> tuple[Copy, ...]:
        """The copies of an AIP, by tier, with their open damages."""
        with self._database.read(within) as transaction:
            return copies_of(transaction, [aip_id], damages=True).get(aip_id, ())

    def put(self, copies: Iterable[Copy], *, within: Transaction | None = None) -> None:
        """Enter copies, or bring those that are there to this state; what is good now has no damages any more. A copy without
        ``check_next`` is due at once (when it was stored or checked)."""
        rows = (copy_row(each) | {"check_next": _due_at(each)} for each in copies)
        with self._database.write(within) as transaction:
            enter_copies(transaction, rows)

    def due(self, tier: str, now: datetime, *, limit: int, within: Transaction | None = None) -> list[Due]:
        """The copies of ``tier`` that are due at ``now``, oldest first, at most ``limit``: from the covering index alone."""
        with self._database.read(within) as transaction:
            return _fetched(transaction, _NEXT_DUE, {"of": tier, "then": now, "most": limit})

    def candidates(
        self,
        *,
        tiers: Sequence[str],
        checked_before: datetime,
        now: datetime | None = None,
        due: datetime | None = None,
        aip_id: str | None = None,
        limit: int = 1_000,
        budget: int | None = None,
        ahead: Mapping[str, timedelta] | None = None,
        within: Transaction | None = None,
    ) -> list[Copy]:
        """The next copies to check on ``tiers``, most overdue first, within ``budget`` bytes but at least one.

        Only copies that were not looked at since ``checked_before`` (by a clock that was ahead of ``now``, they were not); with ``due``
        only those due then, else due or not. ``ahead``: how
        much longer than they do the copies of a tier count as waiting.
        """
        sooner = ahead or {}
        with self._database.read(within) as transaction:
            asked = {
                tier: _asked(tier, checked_before=checked_before, now=now, due=due, aip_id=aip_id).limit(limit) for tier in tiers
            }
            waiting = [
                [Candidate(key, tier, moment(then) - sooner.get(tier, _NOTHING), size) for key, then, size in rows]
                for tier, rows in ((tier, _fetched(transaction, query)) for tier, query in asked.items())
            ]
            queue = list(islice(heapq.merge(*waiting, key=lambda each: (each.check_next, each.key)), limit))
            if not queue:
                return []
            taken = list(take_due(queue, queue[-1].check_next, budget_bytes=budget))
            copies = copies_of(transaction, list(dict.fromkeys(each.key for each in taken)), tiers=tiers)
        by_place = {(each.aip_id, each.tier): each for some in copies.values() for each in some}
        return [by_place[each.key, each.tier] for each in taken]

    def record(self, records: Iterable[CheckRecord], *, within: Transaction | None = None) -> int:
        """Record checks, all or none: state, times, damages and history of each copy. Returns how many copies took the outcome;
        a copy that is gone, or has another version than was checked, only gets its history.

        The damages of a copy are replaced by those found; but a check that could not read, and found none, keeps the known ones. Of one
        that is still absent nothing was checked: it gets no history.
        """
        with self._database.write(within) as transaction:
            return record_checks(transaction, list(records))

    def seen(
        self, aip_id: str, tier: str, damages: Sequence[Damage], now: datetime, *, within: Transaction
    ) -> tuple[int, list[Damage]]:
        """Enter what was seen of a copy at ``now`` outside of a check: it is not good, and due at once. The copy's version, and those
        of ``damages`` that are new; none for a copy that is not there, or has not got so far."""
        return record_sighting(within, aip_id, tier, damages, now)

    def not_good(
        self, *, aip_id: str | None = None, tier: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Copy]:
        """Copies that are not known to be good, with their damages, by AIP and tier. Raises BadCursor."""
        limit = max(1, min(limit, LARGEST_PAGE))
        query = select(table.c.aip_id, table.c.tier).where(_NOT_GOOD).order_by(table.c.aip_id, table.c.tier).limit(limit + 1)
        if aip_id is not None:
            query = query.where(table.c.aip_id == aip_id)
        if tier is not None:
            query = query.where(table.c.tier == tier)
        if cursor is not None:
            query = query.where(
                tuple_(table.c.aip_id, table.c.tier) > tuple_(*(literal(place, Words) for place in place_of(cursor, str, str)))
            )
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
            copies = copies_of(transaction, list(dict.fromkeys(row.aip_id for row in rows)), damages=True)
        by_place = {(each.aip_id, each.tier): each for some in copies.values() for each in some}
        return page_of(rows, limit, item=lambda row: by_place[row.aip_id, row.tier], cursor=lambda row: cursor_at(*row))

    def damages(
        self, *, aip_id: str | None = None, tier: str | None = None, since: datetime | None = None, limit: int = 10_000
    ) -> Iterator[Damage]:
        """Open damages by AIP, tier and path, at most ``limit``; AIP and tier may narrow them, and ``since`` to those of copies that were
        checked since then."""
        query = select(damage).order_by(damage.c.aip_id, damage.c.tier, damage.c.path, damage.c.pk).limit(limit)
        if aip_id is not None:
            query = query.where(damage.c.aip_id == aip_id)
        if tier is not None:
            query = query.where(damage.c.tier == tier)
        if since is not None:
            here = and_(table.c.aip_id == damage.c.aip_id, table.c.tier == damage.c.tier)
            query = query.where(exists().where(here, table.c.last_check >= since))
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return map(_damage, rows)

    def overdue(self, now: datetime, *, tier: str | None = None) -> int:
        """How many copies should have been checked before ``now``."""
        query = select(func.count()).select_from(table).where(table.c.check_next < now)
        if tier is not None:
            query = query.where(table.c.tier == tier)
        with self._database.read() as transaction:
            return int(transaction.execute(query).scalar_one())

    def summary(self, now: datetime, members: Members | None = None) -> list[TierSummary]:
        """Each tier's copies in numbers, by name; those of all objects, or of some AIPs."""
        overdue = func.sum(case((table.c.check_next < now, 1), else_=0))
        never = func.sum(case((table.c.last_check.is_(None), 1), else_=0))
        query = select(
            table.c.tier,
            table.c.state,
            func.count().label("copies"),
            func.sum(table.c.bytes).label("bytes"),
            overdue.label("overdue"),
            never.label("never"),
            func.min(table.c.last_check).label("oldest"),
        ).group_by(table.c.tier, table.c.state)
        query = only(query, members)
        with self._database.read() as transaction:
            rows = transaction.execute(query.order_by(table.c.tier, table.c.state)).all()
        return [_summary(tier, [row for row in rows if row.tier == tier]) for tier in dict.fromkeys(row.tier for row in rows)]

    def overdue_bytes(self, now: datetime) -> dict[str, int]:
        """Tier → bytes of the copies that should have been checked before ``now``."""
        query = select(table.c.tier, func.sum(table.c.bytes)).where(table.c.check_next < now).group_by(table.c.tier)
        with self._database.read() as transaction:
            return {tier: int(size) for tier, size in transaction.execute(query).all()}

    def ages(self, now: datetime, members: Members | None = None) -> dict[str, dict[str, int]]:
        """How long ago copies were last checked: tier → up to so many days ("30", "90", "180", "365", "older", "never") → copies."""
        label: Any = case(
            (table.c.last_check.is_(None), "never"),
            *((table.c.last_check > now - timedelta(days=days), str(days)) for days in AGES),
            else_="older",
        )
        query = only(select(table.c.tier, label, func.count()).group_by(table.c.tier, label), members)
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        found: dict[str, dict[str, int]] = {}
        for tier, age, count in rows:
            found.setdefault(tier, {})[age] = count
        return found

    def short(self, enough: Enough, tiers: Sequence[str]) -> int:
        """How many AIPs have not ``enough`` (of their collection, "" for none) good copies of their newest version on ``tiers``."""
        good = _good(tiers).subquery()
        query = select(good.c.collection, good.c.good, func.count()).group_by(good.c.collection, good.c.good)
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return sum(count for collection, mask, count in rows if not enough(collection, _named(mask, tiers)))


def _due_at(one: Copy) -> datetime:
    when = one.check_next or one.last_check or one.stored
    if when is None:
        raise ValueError(f"the copy of {one.aip_id} on {one.tier} says no time at all, so it would never be checked")
    return when


def _asked(
    tier: str,
    *,
    due: datetime | None,
    checked_before: datetime | None = None,
    now: datetime | None = None,
    aip_id: str | None = None,
) -> Select[tuple[str, int, int]]:
    query = _DUE.where(table.c.tier == tier)
    if checked_before is not None:
        ahead = [table.c.last_check > now] if now is not None else []
        query = query.where(or_(table.c.last_check.is_(None), table.c.last_check < checked_before, *ahead))
    if due is not None:
        query = query.where(table.c.check_next <= due)
    if aip_id is not None:
        query = query.where(table.c.aip_id == aip_id)
    return query.order_by(*_OLDEST_FIRST)


def _fetched(transaction: Transaction, query: Select[tuple[str, int, int]], values: Mapping[str, Any] | None = None) -> list[Due]:
    """The driver's own rows: to make ten thousand of SQLAlchemy's takes as long as to find them."""
    rows = list(transaction.execute(query, values).cursor.fetchall())
    if all(map(str.isascii, map(itemgetter(0), rows))):
        return rows
    return [(unescaped(key), then, size) for key, then, size in rows]


def _damage(row: Row[Any]) -> Damage:
    return Damage(row.aip_id, row.tier, row.path, row.outcome, row.expected, row.found, row.detected)


def copies_of(
    transaction: Transaction, aip_ids: Sequence[str], *, damages: bool = False, tiers: Sequence[str] | None = None
) -> dict[str, tuple[Copy, ...]]:
    """The copies of these AIPs, by tier; those on ``tiers`` only, when given."""
    found: dict[str, list[Copy]] = {}
    open_damages: dict[tuple[str, str], list[Damage]] = {}
    for start in range(0, len(aip_ids), ASKED_AT_ONCE):
        ids = aip_ids[start : start + ASKED_AT_ONCE]
        if damages:
            query = select(damage).where(damage.c.aip_id.in_(ids)).order_by(damage.c.aip_id, damage.c.tier, damage.c.path)
            for row in transaction.execute(query):
                open_damages.setdefault((row.aip_id, row.tier), []).append(_damage(row))
        asked = _WITH_COLLECTION.where(table.c.aip_id.in_(ids)).order_by(table.c.aip_id, table.c.tier)
        for row in transaction.execute(asked if tiers is None else asked.where(table.c.tier.in_(tiers))).all():
            copy = _copy(row, open_damages)
            found.setdefault(copy.aip_id, []).append(copy)
    return {aip_id: tuple(copies) for aip_id, copies in found.items()}


def _copy(row: Row[Any], open_damages: Mapping[tuple[str, str], Sequence[Damage]]) -> Copy:
    """By position, not by name, which takes SQLAlchemy three times as long."""
    values: tuple[Any, ...] = tuple(row)
    aip_id, tier, version, state, stored, last_check, last_full, check_next, size, files, last_look, look_next, collection = (
        values
    )
    return Copy(
        aip_id=aip_id,
        tier=tier,
        version=version,
        state=CopyState(state),
        stored=stored,
        last_check=last_check,
        last_full=last_full,
        check_next=check_next,
        bytes=size,
        files=files,
        damages=tuple(open_damages.get((aip_id, tier), ())),
        last_look=last_look,
        look_next=look_next,
        collection=collection or "",
    )


def _summary(tier: str, rows: Sequence[Row[Any]]) -> TierSummary:
    checks = [row.oldest for row in rows if row.oldest is not None]
    return TierSummary(
        name=tier,
        copies=sum(row.copies for row in rows),
        bytes=int(sum(row.bytes for row in rows)),
        states={CopyState(row.state): row.copies for row in rows},
        overdue=sum(row.overdue for row in rows),
        never_checked=sum(row.never for row in rows),
        oldest_check=min(checks, default=None),
    )


def _good(tiers: Sequence[str]) -> Select[Any]:
    """Of every AIP, on which of ``tiers`` a good copy of its newest version is: the sum of 1 for the first, 2 for the second, 4 …"""
    counts = and_(
        table.c.aip_id == aip.c.id,
        table.c.version >= aip.c.version,
        table.c.state == CopyState.GOOD.value,
        table.c.tier.in_(list(tiers)),
    )
    bits = case({tier: 1 << index for index, tier in enumerate(tiers)}, value=table.c.tier, else_=0) if tiers else literal(0)
    columns = (aip.c.id, func.max(aip.c.collection).label("collection"), func.coalesce(func.sum(bits), 0).label("good"))
    return select(*columns).outerjoin(table, counts).group_by(aip.c.id)


def _named(mask: int, tiers: Sequence[str]) -> list[str]:
    return [tier for index, tier in enumerate(tiers) if mask >> index & 1]
