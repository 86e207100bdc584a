"""Collections in the catalog: which AIPs are in which, and dates that follow when the policy changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Update,
    case,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
    update,
)

from repository.catalog.columns import Instant
from repository.catalog.database import Database
from repository.catalog.tables import aip
from repository.catalog.tables import copy as table
from repository.model import CopyState

__all__ = ["Collections", "Members", "Periods", "only"]

ASSIGNED_AT_ONCE = 5_000
"""AIPs of one transaction."""

MOVED_AT_ONCE = 20_000
"""Copies whose dates are moved in one transaction: half a second, in which nobody else can write."""

Belongs = Callable[[str, Mapping[str, Any]], str]
"""The collection of a record of this producer, described so."""


@dataclass(frozen=True, slots=True)
class Periods:
    """In which periods copies are read, and looked at (None: never)."""

    every: timedelta
    look_every: timedelta | None


@dataclass(frozen=True, slots=True)
class Members:
    """The AIPs of one collection, or (where that is "") of one producer."""

    collection: str = ""
    producer: str = ""


def _ids(members: Members) -> Select[Any]:
    """Their ids, as a query."""
    if members.collection:
        return select(aip.c.id).where(aip.c.collection == members.collection)
    return select(aip.c.id).where(aip.c.producer == members.producer)


def only(query: Select[Any], members: Members | None) -> Select[Any]:
    """A query of copies, narrowed to those of some AIPs (None: of everything)."""
    return query if members is None else query.where(table.c.aip_id.in_(_ids(members)))


class Collections:
    """Methods open transactions of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ids_of(self, members: Members) -> set[str]:
        """The ids of these AIPs."""
        with self._database.read() as transaction:
            return set(transaction.execute(_ids(members)).scalars())

    def has_producer(self, producer: str) -> bool:
        """Whether there is an AIP of this producer."""
        with self._database.read() as transaction:
            return transaction.execute(select(aip.c.id).where(aip.c.producer == producer).limit(1)).first() is not None

    def assign(self, belongs: Belongs) -> int:
        """Enter the collection of every AIP anew; how many have another one now."""
        last = changed = 0
        while True:
            with self._database.write() as transaction:
                query = select(aip.c.pk, aip.c.producer, aip.c.fields, aip.c.collection).where(aip.c.pk > last)
                rows = transaction.execute(query.order_by(aip.c.pk).limit(ASSIGNED_AT_ONCE)).all()
                moved: dict[str, list[int]] = {}
                for row in rows:
                    name = belongs(row.producer, row.fields)
                    if name != row.collection:
                        moved.setdefault(name, []).append(row.pk)
                for name, keys in moved.items():
                    transaction.execute(update(aip).where(aip.c.pk.in_(keys)).values(collection=name))
                    changed += len(keys)
            if len(rows) < ASSIGNED_AT_ONCE:
                return changed
            last = rows[-1].pk

    def reschedule(self, periods: Mapping[str, Mapping[str, Periods]]) -> int:
        """Give good copies the dates that they would have if these periods, by collection ("" is what is in none) and tier, had always been
        in force; how many dates moved."""
        moved, last = 0, ""
        while True:
            with self._database.write() as transaction:
                rows = select(table.c.aip_id).where(table.c.aip_id > last).order_by(table.c.aip_id)
                until = transaction.execute(rows.offset(MOVED_AT_ONCE - 1).limit(1)).scalar()
                for collection, by_tier in periods.items():
                    moved += transaction.execute(_moved(collection, by_tier, last, until)).rowcount
            if until is None:
                return moved
            last = until

    def bring_forward(self, tier: str, longest: Periods, now: datetime, due: datetime) -> int:
        """Let nothing on ``tier`` be due later than the longest periods there from ``now`` on: what is later was dated by a clock that
        was ahead, and becomes ``due``. How many dates moved."""
        moved = 0
        with self._database.write() as transaction:
            for column, every in ((table.c.check_next, longest.every), (table.c.look_next, longest.look_every)):
                if every is not None:
                    late = update(table).where(table.c.tier == tier, column > now + every)
                    moved += transaction.execute(late.values({column: due})).rowcount
        return moved

    def bytes_on(self) -> dict[tuple[str, str], int]:
        """(Tier, collection) → bytes of the copies; collection "" is what is in none, and what is no AIP."""
        name = func.coalesce(aip.c.collection, "")
        query = select(table.c.tier, name, func.sum(table.c.bytes)).outerjoin(aip, aip.c.id == table.c.aip_id)
        with self._database.read() as transaction:
            rows = transaction.execute(query.group_by(table.c.tier, name)).all()
        return {(tier, collection): int(size) for tier, collection, size in rows}


def _moved(collection: str, periods: Mapping[str, Periods], last: str, until: str | None) -> Update:
    """Move the dates of a collection's copies (by tier) after AIP ``last`` up to ``until`` (None: the end) that have others.

    Tiers stand in values, not in the condition: SQLite would read a whole tier each time, where a range of AIPs is meant.
    """
    every = ((table.c.tier == tier, _since(table.c.last_check, each.every)) for tier, each in periods.items())
    check = case(*every, else_=table.c.check_next)
    newer = case((table.c.last_look > table.c.last_check, table.c.last_look), else_=table.c.last_check)
    looks = (
        (table.c.tier == tier, null() if each.look_every is None else _since(newer, each.look_every))
        for tier, each in periods.items()
    )
    look = case(*looks, else_=table.c.look_next)
    inside = select(aip.c.id).where(aip.c.collection == collection if collection else aip.c.collection != "", aip.c.id > last)
    statement = update(table).where(
        table.c.aip_id > last,
        table.c.state == CopyState.GOOD.value,
        table.c.last_check.is_not(None),
        or_(table.c.check_next != check, table.c.look_next.is_distinct_from(look)),
    )
    if until is not None:
        inside, statement = inside.where(aip.c.id <= until), statement.where(table.c.aip_id <= until)
    members = table.c.aip_id.in_(inside) if collection else table.c.aip_id.not_in(inside)
    return statement.where(members).values(check_next=check, look_next=look)


def _since(column: ColumnElement[Any], period: timedelta) -> ColumnElement[Any]:
    """So long after ``column``: an `Instant` is a number of microseconds."""
    return type_coerce(type_coerce(column, BigInteger) + literal(period // timedelta(microseconds=1), BigInteger), Instant)
