"""Canaries: what was planted where. Only the reconciler asks; who checks never does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from repository.catalog.database import Database, Transaction
from repository.catalog.tables import canary as table

__all__ = ["Canaries", "Canary"]


@dataclass(frozen=True, slots=True)
class Canary:
    """One planted object: what was done to which ``path`` ("" for the sound one), how many files are ``good``, and how many ``bytes`` a
    check reads."""

    tier: str
    object_id: str
    kind: str
    path: str
    inventory_sha512: bytes
    good: int
    bytes: int
    planted: datetime


class Canaries:
    """What is planted now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def on(self, tier: str) -> list[Canary]:
        """The canaries of a tier."""
        with self._database.read() as transaction:
            rows = transaction.execute(select(table).where(table.c.tier == tier).order_by(table.c.object_id)).all()
        return [Canary(**row._mapping) for row in rows]

    def replace(self, tier: str, canaries: Iterable[Canary]) -> None:
        """Others were planted."""
        with self._database.write() as transaction:
            transaction.execute(delete(table).where(table.c.tier == tier))
            transaction.execute(insert(table), [asdict(each) for each in canaries])

    def forget(self, tier: str, *, within: Transaction) -> None:
        """What was planted on a tier is gone with it."""
        within.execute(delete(table).where(table.c.tier == tier))
