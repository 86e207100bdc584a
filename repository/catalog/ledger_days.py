"""Days of the ledger as the catalog knows them: which events a day holds, its signed head, and whether it was sealed on the tiers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, text, update

from repository.catalog.bulk import find
from repository.catalog.columns import escaped, unescaped
from repository.catalog.database import Database, Transaction
from repository.catalog.events import event_of
from repository.catalog.people import draw_salts, salts_of
from repository.catalog.tables import event, ledger_day
from repository.model import Event

__all__ = ["Cut", "LedgerDay", "LedgerDays"]

STREAMED = 5_000
"""Events fetched at a time."""

ASKED = 500
"""Events asked for by name in one query."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The events of a day that is to be closed: those numbered ``first`` to ``last`` in the catalog (none when ``last`` is less)."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LedgerDay:
    """A closed day. ``head`` and ``signature`` are the bytes of head.json and head.sig; ``token`` is the time stamp over the signature
    (b"" as long as there is none); ``sealed`` is when it was found on enough tiers."""

    number: int
    since: date
    day: date
    first: int
    last: int
    events: int
    head: bytes
    signature: bytes
    token: bytes = b""
    sealed: datetime | None = None


class LedgerDays:
    """The chain of days. Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self) -> LedgerDay | None:
        """The day that was closed last."""
        query = select(ledger_day).order_by(ledger_day.c.number.desc()).limit(1)
        with self._database.read() as transaction:
            row = transaction.execute(query).one_or_none()
        return None if row is None else _day(row)

    def between(self, first: int = 1, last: int | None = None) -> Iterator[LedgerDay]:
        """Closed days in order, by number."""
        query = select(ledger_day).where(ledger_day.c.number >= first).order_by(ledger_day.c.number)
        if last is not None:
            query = query.where(ledger_day.c.number <= last)
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return map(_day, rows)

    def unsealed(self) -> list[LedgerDay]:
        """Closed days that are not known to be on enough tiers."""
        query = select(ledger_day).where(ledger_day.c.sealed.is_(None)).order_by(ledger_day.c.number)
        with self._database.read() as transaction:
            return [_day(row) for row in transaction.execute(query).all()]

    def cut(self, end: datetime, now: datetime) -> Cut:
        """Which events a day that ends at ``end`` holds: all that were appended since the day before was closed, up to the first one
        that happened later. (One whose time lies beyond ``now`` was told by a wrong clock, and holds nothing up.)

        Nobody appends while this is decided, so that no event with a smaller number can appear afterwards.
        """
        with self._database.write() as transaction:
            if transaction.dialect.name == "postgresql":  # SQLite's writers exclude one another anyway
                transaction.execute(text("LOCK TABLE event IN SHARE MODE"))
            before = transaction.execute(select(func.max(ledger_day.c.last_seq))).scalar() or 0
            later = select(func.min(event.c.seq)).where(event.c.seq > before, event.c.time >= end, event.c.time <= now)
            following = transaction.execute(later).scalar()
            newest = transaction.execute(select(func.max(event.c.seq)).where(event.c.seq > before)).scalar()
        if following is not None:
            return Cut(before + 1, int(following) - 1)
        return Cut(before + 1, before if newest is None else int(newest))

    def next_number(self, *, within: Transaction) -> int:
        """A number above those of all events so far."""
        return int(within.execute(select(func.coalesce(func.max(event.c.seq), 0))).scalar_one()) + 1

    def any_open(self) -> bool:
        """Whether there are events that are in no closed day yet."""
        last = select(func.coalesce(func.max(ledger_day.c.last_seq), 0)).scalar_subquery()
        with self._database.read() as transaction:
            return transaction.execute(select(event.c.seq).where(event.c.seq > last).limit(1)).first() is not None

    def first_time(self) -> datetime | None:
        """When the first event happened."""
        with self._database.read() as transaction:
            return transaction.execute(select(event.c.time).order_by(event.c.seq).limit(1)).scalar()

    def events(self, first: int, last: int | None = None) -> Iterator[tuple[int, Event]]:
        """(number, event) from ``first`` to ``last`` in the order they were appended, streamed."""
        while True:
            query = select(event).where(event.c.seq >= first).order_by(event.c.seq).limit(STREAMED)
            if last is not None:
                query = query.where(event.c.seq <= last)
            with self._database.read() as transaction:
                rows = transaction.execute(query).all()
            for row in rows:
                yield row[0], event_of(row)
            if len(rows) < STREAMED:
                return
            first = rows[-1].seq + 1

    def find(self, event_id: str) -> tuple[int, Event] | None:
        """(number, event) of one event."""
        with self._database.read() as transaction:
            row = transaction.execute(select(event).where(event.c.id == event_id)).one_or_none()
        return None if row is None else (row.seq, event_of(row))

    def ids(self, numbers: Iterable[int]) -> dict[int, str]:
        """The ids of the events with these numbers, of those that are there: number → id."""
        return dict(self._pairs("seq", sorted(set(numbers))))

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of the events with these ids, of those that are there: id → number."""
        return {event_id: seq for seq, event_id in self._pairs("id", sorted(map(escaped, set(ids))))}

    def _pairs(self, column: str, wanted: Sequence[int | str]) -> Iterator[tuple[int, str]]:
        for start in range(0, len(wanted), ASKED):
            with self._database.read() as transaction:
                rows = find(transaction, event, ("seq", "id"), column, wanted[start : start + ASKED])
            yield from ((seq, unescaped(event_id)) for seq, event_id in rows)

    def holding(self, number: int) -> LedgerDay | None:
        """The closed day that holds the event with this number in the catalog."""
        query = select(ledger_day).where(ledger_day.c.first_seq <= number, ledger_day.c.last_seq >= number)
        with self._database.read() as transaction:
            row = transaction.execute(query).one_or_none()
        return None if row is None else _day(row)

    def add(self, day: LedgerDay, *, within: Transaction | None = None) -> None:
        """Enter a closed day; its number must be the next one (the database refuses another)."""
        with self._database.write(within) as transaction:
            transaction.execute(insert(ledger_day).values(**_row(day)))

    def stamped(self, number: int, token: bytes) -> None:
        """Keep the time stamp of a day."""
        with self._database.write() as transaction:
            transaction.execute(update(ledger_day).where(ledger_day.c.number == number).values(token=token))

    def sealed(self, number: int, when: datetime) -> None:
        """The day was found on enough tiers."""
        with self._database.write() as transaction:
            transaction.execute(update(ledger_day).where(ledger_day.c.number == number).values(sealed=when))

    def salts(self, names: Iterable[str]) -> dict[str, bytes]:
        """The salt of each person's name, made for those that have none yet. Without it nobody can tell whom a digest means."""
        wanted = sorted(set(names))
        with self._database.read() as transaction:
            known = salts_of(transaction, wanted)
        if len(known) < len(wanted):
            with self._database.write() as transaction:
                draw_salts(transaction, wanted)
                known = salts_of(transaction, wanted)
        return known


def _row(day: LedgerDay) -> dict[str, Any]:
    return {
        "number": day.number,
        "since": day.since.isoformat(),
        "day": day.day.isoformat(),
        "first_seq": day.first,
        "last_seq": day.last,
        "events": day.events,
        "head": day.head,
        "signature": day.signature,
        "token": day.token,
        "sealed": day.sealed,
    }


def _day(row: Row[Any]) -> LedgerDay:
    return LedgerDay(
        row.number,
        date.fromisoformat(row.since),
        date.fromisoformat(row.day),
        row.first_seq,
        row.last_seq,
        row.events,
        row.head,
        row.signature,
        row.token,
        row.sealed,
    )
