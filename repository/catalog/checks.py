"""Checks: the outcome of re-reading copies, and its history. One row a copy and check; a file has one only when it is damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Integer, Row, and_, bindparam, delete, func, insert, or_, select, update

from policies.audits import FULL
from repository.catalog.bulk import load
from repository.catalog.columns import Instant, Words, as_json, escaped, microseconds
from repository.catalog.cursors import LARGEST_PAGE, cursor_at, page_of, place_of
from repository.catalog.database import BATCH, Database, Transaction
from repository.catalog.tables import check_run, copy, damage
from repository.model import CheckRecord, CopyState, Damage, Page

__all__ = ["Checks", "record_checks", "record_sighting"]


ASKED_AT_ONCE = 500
"""AIPs whose damages are fetched in one query."""


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

    def last(self, now: datetime) -> datetime | None:
        """When a check came to an end last, of any copy on any tier; those that a wrong clock dated after ``now`` say nothing."""
        query = select(check_run.c.time).where(check_run.c.time <= now).order_by(check_run.c.pk.desc()).limit(1)
        with self._database.read() as transaction:
            found: datetime | None = transaction.execute(query).scalar()
        return found

    def bytes_since(self, tier: str, since: datetime, until: datetime, *, within: Transaction | None = None) -> int:
        """Bytes that checks of ``tier`` have read from ``since`` until then: what is used up of a day's budget."""
        query = select(func.coalesce(func.sum(check_run.c.bytes), 0))
        query = query.where(check_run.c.tier == tier, check_run.c.time >= since, check_run.c.time <= until)
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
        look_next=bindparam("look", type_=Instant),
    )
)


_ANY_DAMAGE = select(damage.c.pk).limit(1)
"""Mostly none stands anywhere: then nobody needs to be asked for his."""


def record_checks(transaction: Transaction, records: Sequence[CheckRecord]) -> int:
    """See `repository.catalog.copies.Copies.record`."""
    applied = 0
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        applied += transaction.execute(_APPLY, [_outcome(each) for each in batch]).rowcount
        _replace_damages(transaction, batch)
        load(transaction, check_run, _RUN_COLUMNS, (_run_row(each) for each in batch if each.state is not CopyState.ABSENT))
    return applied


def record_sighting(
    transaction: Transaction, aip_id: str, tier: str, damages: Sequence[Damage], now: datetime
) -> tuple[int, list[Damage]]:
    """See `repository.catalog.copies.Copies.seen`."""
    here = and_(copy.c.aip_id == aip_id, copy.c.tier == tier)
    row = transaction.execute(select(copy.c.version, copy.c.state, copy.c.check_next).where(here)).one_or_none()
    if row is None or row.state == CopyState.ABSENT.value:
        return 0, []
    query = select(damage.c.path, damage.c.outcome).where(damage.c.aip_id == aip_id, damage.c.tier == tier)
    known = {(each.path, each.outcome) for each in transaction.execute(query)}
    new = {
        each.path: each for each in damages if (each.path, each.outcome) not in known and _version_of(each.path) <= row.version
    }
    if not new:
        return row.version, []
    read = all(each.outcome == CopyState.UNREADABLE.value for each in new.values())
    state = CopyState.UNREADABLE.value if read and row.state != CopyState.DAMAGED.value else CopyState.DAMAGED.value
    transaction.execute(update(copy).where(here).values(state=state, check_next=min(row.check_next, now)))
    gone = delete(damage).where(damage.c.aip_id == aip_id, damage.c.tier == tier, damage.c.path == bindparam("at", type_=Words))
    transaction.execute(gone, [{"at": path} for path in new])
    transaction.execute(insert(damage), [_damage_row(each, now) for each in new.values()])
    return row.version, list(new.values())


def _version_of(path: str) -> int:
    """The version whose folder a path of an object lies in; 0 for its root."""
    folder = path.partition("/")[0]
    return int(folder[1:]) if folder[:1] == "v" and folder[1:].isdecimal() else 0


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
        "look": each.look_next,
    }


def _replace_damages(transaction: Transaction, records: Sequence[CheckRecord]) -> None:
    first = _first_met(transaction, [each.aip_id for each in records if each.damages])
    replaced = [each for each in records if each.damages or each.state is not CopyState.UNREADABLE]
    if replaced and transaction.execute(_ANY_DAMAGE).first() is not None:
        gone = delete(damage).where(damage.c.aip_id == bindparam("aip"), damage.c.tier == bindparam("on"))
        transaction.execute(gone, [{"aip": each.aip_id, "on": each.tier} for each in replaced])
    damages = (
        _damage_row(one, each.time) | {"detected": first.get((one.aip_id, one.tier, one.path, one.outcome), each.time)}
        for each in records
        for one in each.damages
    )
    while batch := list(islice(damages, BATCH)):
        transaction.execute(insert(damage), batch)


def _first_met(transaction: Transaction, aip_ids: Sequence[str]) -> dict[tuple[str, str, str, str], datetime]:
    """When damage that stands was first met: (AIP, tier, path, outcome) → time. To be met again makes it no younger."""
    first: dict[tuple[str, str, str, str], datetime] = {}
    ids = sorted(set(aip_ids))
    for start in range(0, len(ids), ASKED_AT_ONCE):
        query = select(damage).where(damage.c.aip_id.in_(ids[start : start + ASKED_AT_ONCE]), damage.c.detected.is_not(None))
        first.update({(row.aip_id, row.tier, row.path, row.outcome): row.detected for row in transaction.execute(query)})
    return first


def _damage_row(one: Damage, detected: datetime) -> dict[str, Any]:
    return {
        "aip_id": one.aip_id,
        "tier": one.tier,
        "path": one.path,
        "outcome": one.outcome,
        "expected": one.expected,
        "found": one.found,
        "detected": one.detected or detected,
    }


_RUN_COLUMNS = [column.name for column in check_run.columns][1:]
"""All but the number, which the database gives."""


def _run_row(each: CheckRecord) -> tuple[Any, ...]:
    return (
        escaped(each.aip_id),
        escaped(each.tier),
        each.version,
        microseconds(each.time),
        each.state.value,
        each.algorithm,
        each.files,
        each.bytes,
        bytes.fromhex(each.inventory_sha512),
        as_json(Counter(one.outcome for one in each.damages)) if each.damages else "{}",
    )


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
