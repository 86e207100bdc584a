"""Evidence: batches with what their trees stand on, and which of them proves which version. An index; the batches are the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Select, and_, delete, func, literal_column, select, tuple_, update

from repository.catalog.database import BATCH, Database, Transaction, insert_into
from repository.catalog.tables import aip, aip_version, evidence_batch, evidence_leaf, kept_object

__all__ = ["BatchRow", "Evidence", "LeafRow", "Waiting"]

_LEFT = aip_version.c.proved == literal_column("0")
"""Versions that are perhaps in no batch; written out, because SQLite uses the index of only these for a constant alone."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch: its object's newest version, the digest of that version's inventory, and what its trees stand on (as JSON)."""

    id: str
    created: datetime
    version: int
    leaves: int
    inventory_sha512: bytes
    trees: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One version of an object, and the batch and leaf that prove it."""

    id: str
    version: int
    batch: str
    number: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many versions no batch holds (as far as they were counted), and the oldest of them."""

    count: int
    id: str
    oldest: datetime | None


class Evidence:
    """Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: BatchRow, leaves: Iterable[LeafRow] = (), *, within: Transaction | None = None) -> None:
        """Enter a batch, or bring it to a newer version. A leaf that another batch proves already stays with that one."""
        with self._database.write(within) as transaction:
            upsert = insert_into(transaction, evidence_batch)
            changes = {name: upsert.excluded[name] for name in ("version", "inventory_sha512", "trees")}
            upsert = upsert.on_conflict_do_update(index_elements=["id"], set_=changes)
            values = {name: getattr(row, name) for name in BatchRow.__slots__}
            transaction.execute(upsert, [values])
            statement = insert_into(transaction, evidence_leaf).on_conflict_do_nothing(index_elements=["id", "version"])
            rest, entered = iter(leaves), False
            while some := list(islice(rest, BATCH)):
                rows = [{"id": each.id, "version": each.version, "batch": each.batch, "number": each.number} for each in some]
                transaction.execute(statement, rows)
                entered = True
            if entered:
                held = select(aip.c.pk, evidence_leaf.c.version).join_from(evidence_leaf, aip, aip.c.id == evidence_leaf.c.id)
                version = tuple_(aip_version.c.aip_pk, aip_version.c.number).in_(held.where(evidence_leaf.c.batch == row.id))
                transaction.execute(update(aip_version).where(_LEFT, version).values(proved=1))

    def batches(self) -> Iterator[BatchRow]:
        """All batches, oldest first."""
        with self._database.read() as transaction:
            rows = transaction.execute(select(evidence_batch).order_by(evidence_batch.c.created, evidence_batch.c.id)).all()
        for row in rows:
            yield BatchRow(row.id, row.created, row.version, row.leaves, row.inventory_sha512, row.trees)

    def find(self, batch: str) -> BatchRow | None:
        return next((each for each in self.batches() if each.id == batch), None)

    def leaf(self, object_id: str, version: int) -> LeafRow | None:
        """Where a version is proved; None when no batch holds it yet."""
        query = select(evidence_leaf).where(evidence_leaf.c.id == object_id, evidence_leaf.c.version == version)
        with self._database.read() as transaction:
            row = transaction.execute(query).one_or_none()
        return None if row is None else LeafRow(row.id, row.version, row.batch, row.number)

    def unproved(self, limit: int) -> list[tuple[str, int, bytes]]:
        """Versions of AIPs that no batch holds: (id, version, SHA-512 of the inventory), oldest first."""
        query = (
            _waiting(aip.c.id, aip_version.c.number, aip_version.c.inventory_sha512)
            .order_by(aip_version.c.created, aip_version.c.aip_pk, aip_version.c.number)
            .limit(limit)
        )
        with self._database.read() as transaction:
            return [(row.id, row.number, row.inventory_sha512) for row in transaction.execute(query)]

    def unproved_kept(self, prefix: str, limit: int) -> list[tuple[str, int, bytes]]:
        """As `unproved`, of kept objects whose id begins with ``prefix``."""
        query = (
            select(kept_object)
            .outerjoin(evidence_leaf, and_(evidence_leaf.c.id == kept_object.c.id, evidence_leaf.c.version == 1))
            .where(evidence_leaf.c.id.is_(None), kept_object.c.id.startswith(prefix, autoescape=True))
            .order_by(kept_object.c.id)
            .limit(limit)
        )
        with self._database.read() as transaction:
            return [(row.id, 1, row.inventory_sha512) for row in transaction.execute(query)]

    def waiting(self, before: datetime, limit: int) -> Waiting:
        """The versions of AIPs of ``before`` and older that no batch holds, counted up to ``limit``."""
        query = (
            _waiting(aip.c.id, aip_version.c.created)
            .where(aip_version.c.created <= before)
            .order_by(aip_version.c.created, aip_version.c.aip_pk, aip_version.c.number)
            .limit(limit)
        )
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return Waiting(len(rows), rows[0].id, rows[0].created) if rows else Waiting(0, "", None)

    def count(self) -> tuple[int, int]:
        """(versions that are proved, versions of AIPs that are not)."""
        with self._database.read() as transaction:
            proved = transaction.execute(select(func.count()).select_from(evidence_leaf)).scalar_one()
            return int(proved), int(transaction.execute(_waiting(func.count())).scalar_one())

    def clear(self, *, within: Transaction | None = None) -> None:
        """Forget all; a rebuild reads the batches again."""
        with self._database.write(within) as transaction:
            transaction.execute(delete(evidence_leaf))
            transaction.execute(delete(evidence_batch))
            transaction.execute(update(aip_version).values(proved=0))


def _waiting(*columns: Any) -> Select[Any]:
    """Of the versions of AIPs that no batch holds: only those that are not known to be in one are looked at."""
    beside = and_(evidence_leaf.c.id == aip.c.id, evidence_leaf.c.version == aip_version.c.number)
    joined = select(*columns).select_from(aip_version).join(aip, aip.c.pk == aip_version.c.aip_pk)
    return joined.outerjoin(evidence_leaf, beside).where(_LEFT, evidence_leaf.c.id.is_(None))
