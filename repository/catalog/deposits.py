"""Deposits: what was handed over, and what became of it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import Row, Update, bindparam, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from policies.findings import Finding, Verdict
from repository.catalog.columns import escaped
from repository.catalog.cursors import LARGEST_PAGE, before, cursor_at, page_of
from repository.catalog.database import Database, Transaction, ask_sqlite, insert_into
from repository.catalog.errors import CatalogConflict
from repository.catalog.tables import deposit as table
from repository.errors import UnknownDeposit
from repository.model import Deposit, DepositState, Page

__all__ = ["DepositChange", "Deposits"]

ASKED_AT_ONCE = 500
"""Ids in one query: SQLite takes 32,766 variables, but a plan should stay small."""


_BY_ID = select(table).where(table.c.id == bindparam("id_"))
_BY_KEY = select(table).where(table.c.producer == bindparam("producer_"), table.c.key == bindparam("key_"))
"""Made once: putting a statement together costs more than carrying it out."""

_HAS_KEY = f"SELECT 1 FROM {table.name} WHERE producer = ? AND key = ?"

_COLUMNS = [column.name for column in table.columns]
"""They are the fields of `repository.model.Deposit`, name by name."""


class DepositChange(TypedDict, total=False):
    """What of a deposit can be changed: all but its id, its producer and when it was created."""

    key: str
    wanted_key: str
    label: str
    source: str
    state: DepositState
    updated: datetime
    actor: str
    fingerprint: str
    update_of: str
    verdict: Verdict | None
    findings: tuple[Finding, ...]
    finding_counts: Mapping[str, int]
    reason: str
    decided_by: str
    error: str
    aip_id: str
    aip_version: int
    files: int
    bytes: int
    scanned: str
    expires: datetime | None


class Deposits:
    """The table of deposits. Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, *deposits: Deposit, within: Transaction | None = None) -> None:
        """Make deposits known, all or none. The same id again changes nothing, so that a step can be repeated.

        Raises:
            CatalogConflict: (CAT-KEY-EXISTS) a producer used its key before.
        """
        rows = [_values({name: getattr(deposit, name) for name in _COLUMNS}) for deposit in deposits]
        with self._database.write(within) as transaction:
            for start in range(0, len(rows), ASKED_AT_ONCE):
                batch = rows[start : start + ASKED_AT_ONCE]
                transaction.execute(insert_into(transaction, table).on_conflict_do_nothing(), batch)
                there = set(transaction.execute(select(table.c.id).where(table.c.id.in_([row["id"] for row in batch]))).scalars())
                for row in batch:
                    if row["id"] not in there:
                        raise _key_exists(row["producer"], row["key"])

    def get(self, deposit_id: str, *, within: Transaction | None = None) -> Deposit:
        """Raises UnknownDeposit."""
        found = self.find(deposit_id, within=within)
        if found is None:
            raise UnknownDeposit(deposit_id)
        return found

    def find(self, deposit_id: str, *, within: Transaction | None = None) -> Deposit | None:
        with self._database.read(within) as transaction:
            row = transaction.execute(_BY_ID, {"id_": deposit_id}).one_or_none()
        return None if row is None else _deposit(row)

    def several(self, ids: Sequence[str], *, within: Transaction | None = None) -> dict[str, Deposit]:
        """Deposits by id, in the order of ``ids``. Raises UnknownDeposit for an unknown one."""
        found: dict[str, Deposit] = {}
        with self._database.read(within) as transaction:
            for start in range(0, len(ids), ASKED_AT_ONCE):
                query = select(table).where(table.c.id.in_(ids[start : start + ASKED_AT_ONCE]))
                found.update({row.id: _deposit(row) for row in transaction.execute(query)})
        missing = [deposit_id for deposit_id in ids if deposit_id not in found]
        if missing:
            raise UnknownDeposit(missing[0])
        return {deposit_id: found[deposit_id] for deposit_id in ids}

    def by_key(self, producer: str, key: str, *, within: Transaction | None = None) -> Deposit | None:
        """The deposit that ``producer`` made with this idempotency key."""
        with self._database.read(within) as transaction:
            if transaction.dialect.name == "sqlite" and not ask_sqlite(transaction, _HAS_KEY, (escaped(producer), escaped(key))):
                return None  # as of nearly every deposit, twice
            row = transaction.execute(_BY_KEY, {"producer_": producer, "key_": key}).one_or_none()
        return None if row is None else _deposit(row)

    def accepted_for(self, aip_id: str, *, within: Transaction | None = None) -> list[str]:
        """The ids of accepted deposits that are to become a version of an AIP and are not stored yet."""
        query = select(table.c.id).where(table.c.state == DepositState.ACCEPTED.value, table.c.aip_id == aip_id)
        with self._database.read(within) as transaction:
            return list(transaction.execute(query).scalars())

    def from_source(self, source: str, *, after: str = "", limit: int = 100) -> list[Deposit]:
        """Deposits with exactly this source, by id, from the one after ``after`` on."""
        query = select(table).where(table.c.source == source, table.c.id > after).order_by(table.c.id).limit(limit)
        with self._database.read() as transaction:
            return [_deposit(row) for row in transaction.execute(query)]

    def update(
        self,
        deposit_id: str,
        *,
        expected: DepositState | Collection[DepositState] | None = None,
        within: Transaction | None = None,
        **change: Unpack[DepositChange],
    ) -> Deposit:
        """Change a deposit, and return it as it is then. With ``expected`` only when it is in (one of) that state: two workers or
        officers who decide at once cannot both succeed.

        Raises:
            UnknownDeposit: there is none.
            CatalogConflict: (CAT-STATE) it is in another state; (CAT-KEY-EXISTS) the new key is another deposit's.
        """
        wanted = [expected] if isinstance(expected, DepositState) else list(expected or ())
        statement = _change(frozenset(change))
        if wanted:
            statement = statement.where(table.c.state.in_([state.value for state in wanted]))
        with self._database.write(within) as transaction:
            before = self.get(deposit_id, within=transaction)
            values = {"id_": deposit_id, **{f"new_{name}": value for name, value in _values(dict(change)).items()}}
            # Only a key can be in another's way; then PostgreSQL undoes a savepoint, or else the whole transaction.
            guarded = "key" in change and transaction.dialect.name == "postgresql"
            try:
                with transaction.begin_nested() if guarded else contextlib.nullcontext():
                    changed = transaction.execute(statement, values).rowcount if change else 0
            except IntegrityError as problem:
                raise _key_exists(before.producer, change.get("key", before.key)) from problem
            if wanted and not changed and (change or before.state not in wanted):
                names = ", ".join(state.value for state in wanted)
                raise CatalogConflict("CAT-STATE", deposit_id, found=before.state.value, expected=names)
            return replace(before, **change)

    def update_all(self, ids: Sequence[str], *, within: Transaction, **change: Unpack[DepositChange]) -> None:
        """Change several deposits alike, whatever their state; not their keys, which differ."""
        for start in range(0, len(ids), ASKED_AT_ONCE):
            some = table.c.id.in_(ids[start : start + ASKED_AT_ONCE])
            within.execute(update(table).where(some).values(_values(dict(change))))

    def list(
        self,
        *,
        state: DepositState | None = None,
        cursor: str | None = None,
        limit: int = 100,
        within: Transaction | None = None,
    ) -> Page[Deposit]:
        """Newest first. Raises BadCursor."""
        limit = max(1, min(limit, LARGEST_PAGE))
        query = select(table).order_by(table.c.created.desc(), table.c.id.desc()).limit(limit + 1)
        if state is not None:
            query = query.where(table.c.state == state.value)
        if cursor is not None:
            query = query.where(before(table.c.created, table.c.id, cursor))
        with self._database.read(within) as transaction:
            rows = transaction.execute(query).all()
        return page_of(rows, limit, item=_deposit, cursor=lambda row: cursor_at(row.created.isoformat(), row.id))

    def idle(self, states: Collection[DepositState], *, since: datetime, within: Transaction | None = None) -> int:
        """How many deposits are in one of ``states`` and were last changed before ``since``."""
        query = select(func.count()).where(table.c.state.in_([state.value for state in states]), table.c.updated < since)
        with self._database.read(within) as transaction:
            return int(transaction.execute(query).scalar_one())

    def short_of_copies(self, *, since: datetime, within: Transaction | None = None) -> tuple[int, int]:
        """How many deposits are accepted and not stored yet; and how many of them say why, or were last changed before ``since``."""
        stuck = case((or_(table.c.error != "", table.c.updated < since), 1), else_=0)
        query = select(func.count(), func.coalesce(func.sum(stuck), 0)).where(table.c.state == DepositState.ACCEPTED.value)
        with self._database.read(within) as transaction:
            waiting, held_up = transaction.execute(query).one()
        return int(waiting), int(held_up)

    def stale(
        self, states: Collection[DepositState], *, since: datetime, limit: int = 1_000, within: Transaction | None = None
    ) -> tuple[Deposit, ...]:
        """Those deposits, the ones that wait longest first, at most ``limit``."""
        query = select(table).where(table.c.state.in_([state.value for state in states]), table.c.updated < since)
        with self._database.read(within) as transaction:
            return tuple(map(_deposit, transaction.execute(query.order_by(table.c.updated, table.c.id).limit(limit))))

    def counts(self, *, within: Transaction | None = None) -> dict[DepositState, int]:
        """How many deposits are in each state."""
        with self._database.read(within) as transaction:
            rows = transaction.execute(select(table.c.state, func.count()).group_by(table.c.state)).all()
        return {DepositState(state): count for state, count in rows}


@functools.cache
def _change(names: frozenset[str]) -> Update:
    """The statement that changes these columns of the deposit ``id_``, to ``new_`` and the column's name."""
    return update(table).where(table.c.id == bindparam("id_")).values({name: bindparam(f"new_{name}") for name in names})


def _key_exists(producer: str, key: str) -> CatalogConflict:
    return CatalogConflict("CAT-KEY-EXISTS", key, producer=producer, key=key)


def _values(fields: dict[str, Any]) -> dict[str, Any]:
    """Column values of a deposit's fields."""
    if "state" in fields:
        fields["state"] = fields["state"].value
    if fields.get("verdict") is not None:
        fields["verdict"] = fields["verdict"].value
    if "findings" in fields:
        fields["findings"] = [finding.as_json() for finding in fields["findings"]]
    if "finding_counts" in fields:
        fields["finding_counts"] = dict(fields["finding_counts"])
    return fields


def _deposit(row: Row[Any]) -> Deposit:
    fields = dict(zip(_COLUMNS, row, strict=True))
    fields["state"] = DepositState(row.state)
    fields["verdict"] = None if row.verdict is None else Verdict(row.verdict)
    fields["findings"] = tuple(map(Finding.of_json, row.findings))
    return Deposit(**fields)
