"""Looks: which copies are due to be looked at, and when they were. A look changes nothing of what is known of a copy's bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from repository.catalog.collections import Members, only
from repository.catalog.columns import Instant
from repository.catalog.copies import ASKED_AT_ONCE, copies_of
from repository.catalog.database import Database, Transaction
from repository.catalog.tables import check_run
from repository.catalog.tables import copy as table
from repository.model import Copy, CopyState

__all__ = ["Looks"]

_RECORD = (
    update(table)
    .where(table.c.aip_id == bindparam("aip"), table.c.tier == bindparam("on"))
    .values(last_look=bindparam("at", type_=Instant), look_next=bindparam("then", type_=Instant))
)

Read = tuple[int, int, int]
"""Version, files and bytes of a copy when it was last read and found good."""


class Looks:
    """Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, tier: str, now: datetime, *, limit: int) -> list[Copy]:
        """The copies of ``tier`` that are due to be looked at, oldest first: ids from the index alone."""
        query = select(table.c.aip_id).where(table.c.tier == tier, table.c.look_next <= now)
        query = query.order_by(table.c.look_next, table.c.aip_id).limit(limit)
        with self._database.read() as transaction:
            ids = list(transaction.execute(query).scalars())
            copies = copies_of(transaction, ids)
        return [each for aip_id in ids for each in copies[aip_id] if each.tier == tier]

    def overdue(self, now: datetime, members: Members | None = None) -> dict[str, int]:
        """Tier → copies (of all, or of some AIPs) that should have been looked at before ``now``."""
        query = only(select(table.c.tier, func.count()).where(table.c.look_next < now).group_by(table.c.tier), members)
        with self._database.read() as transaction:
            return {tier: int(count) for tier, count in transaction.execute(query)}

    def last_read(self, copies: Sequence[Copy]) -> dict[str, Read]:
        """What the last reading of each of these copies, all of one tier, counted: AIP id → `Read`; those that were found good then."""
        found: dict[str, Read] = {}
        for start in range(0, len(copies), ASKED_AT_ONCE):
            some = copies[start : start + ASKED_AT_ONCE]
            newest = select(func.max(check_run.c.pk)).where(
                check_run.c.aip_id.in_([each.aip_id for each in some]), check_run.c.tier == some[0].tier
            )
            query = select(check_run).where(check_run.c.pk.in_(newest.group_by(check_run.c.aip_id)))
            with self._database.read() as transaction:
                rows = transaction.execute(query).all()
            good = (row for row in rows if row.state == CopyState.GOOD.value)
            found.update({row.aip_id: (row.version, row.files, row.bytes) for row in good})
        return found

    def record(self, tier: str, seen: Iterable[tuple[str, datetime | None]], now: datetime, *, within: Transaction) -> None:
        """Copies (AIP id, when to look again) of ``tier`` were looked at ``now``."""
        rows = [{"aip": aip_id, "on": tier, "at": now, "then": then} for aip_id, then in seen]
        if rows:
            within.execute(_RECORD, rows)
