"""Placements: which AIPs have a copy on which tiers, held against a list of tiers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, literal, select, tuple_

from repository.catalog.columns import Words
from repository.catalog.database import Database, Transaction
from repository.catalog.tables import aip, damage
from repository.catalog.tables import copy as table

__all__ = ["Placements"]


class Placements:
    """Counts and ids, in order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lacking(self, tier: str) -> tuple[int, int]:
        """How many AIPs have no copy on ``tier``, not even a promised one, and how many bytes they have."""
        query = _lacking(tier).subquery()
        with self._database.read() as transaction:
            row = transaction.execute(select(func.count(), func.coalesce(func.sum(query.c.bytes), 0)).select_from(query)).one()
        return int(row[0]), int(row[1])

    def lacking_ids(self, tier: str, *, limit: int) -> list[tuple[str, int, int]]:
        """(id, newest version, bytes) of the first of them."""
        with self._database.read() as transaction:
            rows = transaction.execute(_lacking(tier).order_by(aip.c.id).limit(limit)).all()
        return [(row.id, int(row.version), int(row.bytes or 0)) for row in rows]

    def beyond(self, tiers: Collection[str]) -> list[tuple[str, int, int]]:
        """(tier, copies, bytes) for every tier with copies that is none of ``tiers``."""
        query = select(table.c.tier, func.count().label("copies"), func.sum(table.c.bytes).label("bytes"))
        query = query.where(table.c.tier.not_in(list(tiers))).group_by(table.c.tier).order_by(table.c.tier)
        with self._database.read() as transaction:
            return [(row.tier, int(row.copies), int(row.bytes or 0)) for row in transaction.execute(query)]

    def beyond_ids(self, tiers: Collection[str], *, after: tuple[str, ...], limit: int) -> list[tuple[str, str]]:
        """(AIP, tier) of those copies, in order, from the one after ``after`` (empty: the first)."""
        query = select(table.c.aip_id, table.c.tier).where(table.c.tier.not_in(list(tiers)))
        if after:
            query = query.where(tuple_(table.c.aip_id, table.c.tier) > tuple_(*(literal(each, Words) for each in after)))
        with self._database.read() as transaction:
            rows = transaction.execute(query.order_by(table.c.aip_id, table.c.tier).limit(limit)).all()
        return [(row.aip_id, row.tier) for row in rows]

    def remove(self, aip_id: str, tier: str, *, within: Transaction) -> None:
        """A copy is gone, with its damages. Its history stays."""
        for each in (damage, table):
            within.execute(delete(each).where(each.c.aip_id == aip_id, each.c.tier == tier))


def _lacking(tier: str) -> Select[Any]:
    there = exists().where(and_(table.c.aip_id == aip.c.id, table.c.tier == tier))
    return select(aip.c.id, aip.c.version, aip.c.bytes).where(~there)
