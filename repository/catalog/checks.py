"""Checks: the outcome of re-reading copies, and its history. One row a copy and check; a file has one only when it is damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Integer, Row, bindparam, delete, func, insert, or_, select, update

from policies.audits import FULL
from repository.catalog.columns import Instant
from repository.catalog.cursors import LARGEST_PAGE, cursor_at, page_of, place_of
from repository.catalog.database import BATCH, Database, Transaction
from repository.catalog.tables import check_run, copy, damage
from repository.model import CheckRecord, CopyState, Damage, Page

__all__ = ["Checks", "record_checks"]


class Checks:
    """The history of checks. Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self, *, aip_id: str | None = None, tier: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[CheckRecord]:
        """Checks, newest record first, with how many problems of each outcome there were (``damages`` is empty, ``check_next``
        None). Raises BadCursor."""
        limit = max(1, min(limit, LARGEST_PAGE))
        query = select(check_run).order_by(check_run.c.pk.desc()).limit(limit + 1)
        if aip_id is not None:
            query = query.where(check_run.c.aip_id == aip_id)
        if tier is not None:
            query = query.where(check_run.c.tier == tier)
        if cursor is not None:
            query = query.where(check_run.c.pk < place_of(cursor, int)[0])
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return page_of(rows, limit, item=_check, cursor=lambda row: cursor_at(row.pk))

    def bytes_since(self, tier: str, since: datetime, *, within: Transaction | None = None) -> int:
        """Bytes that checks of ``tier`` have read since then: what is used up of a day's budget."""
        query = select(func.coalesce(func.sum(check_run.c.bytes), 0)).where(check_run.c.tier == tier, check_run.c.time >= since)
        with self._database.read(within) as transaction:
            return int(transaction.execute(query).scalar_one())


_APPLY = (
    update(copy)
    .where(copy.c.aip_id == bindparam("aip"), copy.c.tier == bindparam("on"))
    .where(or_(bindparam("of", type_=Integer) == 0, copy.c.version == bindparam("of", type_=Integer)))
    .values(
        state=bindparam("now_is"),
        last_check=bindparam("checked"),
        check_next=func.coalesce(bindparam("next", type_=Instant), copy.c.check_next),
        last_full=func.coalesce(bindparam("full", type_=Instant), copy.c.last_full),
    )
)


def record_checks(transaction: Transaction, records: Sequence[CheckRecord]) -> int:
    """See `repository.catalog.copies.Copies.record`."""
    applied = 0
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        applied += transaction.execute(_APPLY, [_outcome(each) for each in batch]).rowcount
        _replace_damages(transaction, batch)
        transaction.execute(insert(check_run), [_run_row(each) for each in batch])
    return applied


def _outcome(each: CheckRecord) -> dict[str, Any]:
    full = each.state is CopyState.GOOD and each.algorithm == FULL
    return {
        "aip": each.aip_id,
        "on": each.tier,
        "of": each.version,
        "now_is": each.state.value,
        "checked": each.time,
        "next": each.check_next,
        "full": each.time if full else None,
    }


def _replace_damages(transaction: Transaction, records: Sequence[CheckRecord]) -> None:
    replaced = [each for each in records if each.damages or each.state is not CopyState.UNREADABLE]
    if replaced:
        gone = delete(damage).where(damage.c.aip_id == bindparam("aip"), damage.c.tier == bindparam("on"))
        transaction.execute(gone, [{"aip": each.aip_id, "on": each.tier} for each in replaced])
    damages = (_damage_row(each, one) for each in records for one in each.damages)
    while batch := list(islice(damages, BATCH)):
        transaction.execute(insert(damage), batch)


def _damage_row(each: CheckRecord, one: Damage) -> dict[str, Any]:
    return {
        "aip_id": each.aip_id,
        "tier": each.tier,
        "path": one.path,
        "outcome": one.outcome,
        "expected": one.expected,
        "found": one.found,
        "detected": one.detected or each.time,
    }


def _run_row(each: CheckRecord) -> dict[str, Any]:
    return {
        "aip_id": each.aip_id,
        "tier": each.tier,
        "version": each.version,
        "time": each.time,
        "state": each.state.value,
        "algorithm": each.algorithm,
        "files": each.files,
        "bytes": each.bytes,
        "inventory_sha512": bytes.fromhex(each.inventory_sha512),
        "counts": dict(Counter(one.outcome for one in each.damages)),
    }


def _check(row: Row[Any]) -> CheckRecord:
    return CheckRecord(
        aip_id=row.aip_id,
        tier=row.tier,
        version=row.version,
        time=row.time,
        state=CopyState(row.state),
        algorithm=row.algorithm,
        files=row.files,
        bytes=row.bytes,
        inventory_sha512=row.inventory_sha512.hex(),
        check_next=None,
        problems=row.counts,
    )
