"""Placements: what has a copy on which tiers, held against those that are promised: AIPs, and the batches of evidence and days of the
ledger that are kept like them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from repository.catalog.columns import Words
from repository.catalog.database import Database, Transaction
from repository.catalog.tables import aip, damage, kept_object, kept_version
from repository.catalog.tables import copy as table
from repository.model import CopyState

__all__ = ["Placements", "Promised"]

Promised = Mapping[str, Collection[str]]
"""Collection → the tiers on which copies of its AIPs are promised; "" stands for what is in none, and for what is no AIP."""

STREAMED = 5_000
"""Ids fetched at a time."""


class Placements:
    """Counts and ids, in order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lacking(self, tier: str, promised: Promised) -> tuple[int, int]:
        """How many of those that are promised ``tier`` have no copy there, not even an announced one, and how many bytes they have."""
        query = _lacking(tier, promised).subquery()
        with self._database.read() as transaction:
            row = transaction.execute(select(func.count(), func.coalesce(func.sum(query.c.bytes), 0)).select_from(query)).one()
        return int(row[0]), int(row[1])

    def lacking_ids(self, tier: str, promised: Promised, *, limit: int) -> list[tuple[str, int, int]]:
        """(id, newest version, bytes) of the first of them."""
        with self._database.read() as transaction:
            rows = transaction.execute(_lacking(tier, promised).order_by("id").limit(limit)).all()
        return [(row.id, int(row.version), int(row.bytes or 0)) for row in rows]

    def beyond(self, promised: Promised) -> list[tuple[str, int, int]]:
        """(tier, copies, bytes) for every tier with copies that are not promised there."""
        query = select(table.c.tier, func.count().label("copies"), func.sum(table.c.bytes).label("bytes"))
        query = _beyond(query, promised).group_by(table.c.tier).order_by(table.c.tier)
        with self._database.read() as transaction:
            return [(row.tier, int(row.copies), int(row.bytes or 0)) for row in transaction.execute(query)]

    def beyond_ids(self, promised: Promised, *, after: tuple[str, ...], limit: int) -> list[tuple[str, str]]:
        """(id, tier) of those copies, in order, from the one after ``after`` (empty: the first)."""
        query = _beyond(select(table.c.aip_id, table.c.tier), promised)
        if after:
            query = query.where(tuple_(table.c.aip_id, table.c.tier) > tuple_(*(literal(each, Words) for each in after)))
        with self._database.read() as transaction:
            rows = transaction.execute(query.order_by(table.c.aip_id, table.c.tier).limit(limit)).all()
        return [(row.aip_id, row.tier) for row in rows]

    def on(self, tier: str) -> Iterator[str]:
        """The ids of the AIPs of which a copy is or should be on ``tier``, in order, streamed."""
        query = select(table.c.aip_id).join(aip, aip.c.id == table.c.aip_id).where(table.c.tier == tier).order_by(table.c.aip_id)
        last: str | None = ""
        while last is not None:
            with self._database.read() as transaction:
                rows = transaction.execute(query.where(table.c.aip_id > last).limit(STREAMED)).scalars().all()
            yield from rows
            last = rows[-1] if len(rows) == STREAMED else None

    def remove(self, aip_id: str, tier: str, *, within: Transaction) -> None:
        """A copy is gone, with its damages. Its history stays."""
        for each in (damage, table):
            within.execute(delete(each).where(each.c.aip_id == aip_id, each.c.tier == tier))

    def only_on(self, tier: str) -> int:
        """Of how many objects no other tier has a copy that is known to be good and got as far as the one on ``tier``."""
        other = table.alias()
        elsewhere = and_(other.c.aip_id == table.c.aip_id, other.c.tier != tier, other.c.version >= table.c.version)
        good = exists().where(elsewhere, other.c.state == CopyState.GOOD.value)
        with self._database.read() as transaction:
            return int(
                transaction.execute(select(func.count()).select_from(table).where(table.c.tier == tier, ~good)).scalar_one()
            )

    def clear(self, tier: str, *, within: Transaction) -> int:
        """All copies of a tier are gone, with their damages. Their history stays. Returns how many there were."""
        within.execute(delete(damage).where(damage.c.tier == tier))
        return int(within.execute(delete(table).where(table.c.tier == tier)).rowcount)


def _lacking(tier: str, promised: Promised) -> CompoundSelect[Any] | Select[Any]:
    """Id, newest version and bytes."""
    query = select(aip.c.id, aip.c.version, aip.c.bytes).where(_nowhere(aip.c.id, tier))
    without = [name for name, tiers in promised.items() if tier not in tiers]
    if "" in without:
        return query.where(aip.c.collection.in_([name for name in promised if name not in without]))
    if without:
        query = query.where(aip.c.collection.not_in(without))
    newest = select(func.coalesce(func.max(kept_version.c.number), 1)).where(kept_version.c.id == kept_object.c.id)
    size = select(func.coalesce(func.max(table.c.bytes), 0)).where(table.c.aip_id == kept_object.c.id)
    kept = select(kept_object.c.id, newest.scalar_subquery().label("version"), size.scalar_subquery().label("bytes"))
    return union_all(query, kept.where(_nowhere(kept_object.c.id, tier)))


def _nowhere(object_id: Column[str], tier: str) -> ColumnElement[bool]:
    return ~exists().where(and_(table.c.aip_id == object_id, table.c.tier == tier))


def _beyond(query: Select[Any], promised: Promised) -> Select[Any]:
    """``query`` of copies, narrowed to those on tiers that are not promised. A collection that ``promised`` does not name counts as none,
    and so does what is no AIP."""
    others = table.c.tier.not_in(list(promised[""]))
    own = {name: tiers for name, tiers in promised.items() if set(tiers) != set(promised[""])}
    if not own:
        return query.where(others)
    name = func.coalesce(aip.c.collection, "")
    apart = (and_(name == each, table.c.tier.not_in(list(tiers))) for each, tiers in own.items())
    return query.outerjoin(aip, aip.c.id == table.c.aip_id).where(or_(and_(name.not_in(list(own)), others), *apart))
