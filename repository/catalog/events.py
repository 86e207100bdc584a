"""Events: the append-only record of what happened, and beside it the erasable notes with names and reasons of people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select

from repository.catalog.bulk import load
from repository.catalog.columns import as_json, escaped, microseconds, moment, unescaped
from repository.catalog.cursors import LARGEST_PAGE, cursor_at, page_of, place_of
from repository.catalog.database import Database, Transaction
from repository.catalog.people import draw_salts, people_of
from repository.catalog.tables import event as table
from repository.catalog.tables import event_note
from repository.model import Event, Page

__all__ = ["EventRow", "Events", "Note", "event_of", "event_row", "id_of_row", "time_of_row"]

STREAMED = 5_000
"""Events fetched at a time while streaming."""

EventRow = tuple[str | int, ...]
"""Values in the order of `_COLUMNS`, as the database keeps them."""

Note = tuple[bytes, Mapping[str, str]]
"""(salt, what was said by name): the digest over both stands in the event."""


class Events:
    """What happened. There is no way to change or remove an event, here or (by triggers) in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._salted: set[str] = set()

    def append(self, events: Iterable[Event | EventRow], *, within: Transaction | None = None) -> None:
        """Append events; one whose id is there already is left as it stands, so that a step can be repeated.

        People of whom they tell get their salts with them, for a backup that has the one has to have the other: with salts that are drawn
        anew the ledger's days, which tell of people by digests, would not be those of this catalog.
        """
        people: set[str] = set()

        def rows() -> Iterator[EventRow]:
            for each in events:
                row = each if isinstance(each, tuple) else event_row(each)
                people.update(people_of(str(row[3]), str(row[9])))
                yield row

        with self._database.write(within) as transaction:
            load(transaction, table, _COLUMNS, rows(), unless="id")
            if new := people - self._salted:
                draw_salts(transaction, new)
        if within is None:  # somebody else's transaction may come to nothing
            self._salted |= people

    def for_aip(self, aip_id: str) -> Iterator[Event]:
        """All events of an AIP in the order they were appended, streamed."""
        return self._streamed(select(table).where(table.c.aip_id == aip_id))

    def of_type(self, type: str, *, since: datetime | None = None) -> Iterator[Event]:  # noqa: A002 - the word of the standard
        """All events of a type (from ``since`` on) in the order they were appended, streamed."""
        query = select(table).where(table.c.type == type)
        return self._streamed(query if since is None else query.where(table.c.time >= since))

    def _streamed(self, query: Select[Any]) -> Iterator[Event]:
        last = 0
        while True:
            with self._database.read() as transaction:
                rows = transaction.execute(query.where(table.c.seq > last).order_by(table.c.seq).limit(STREAMED)).all()
            yield from map(event_of, rows)
            if len(rows) < STREAMED:
                return
            last = rows[-1].seq

    def list(
        self,
        *,
        aip_id: str | None = None,
        deposit_id: str | None = None,
        type: str | None = None,  # noqa: A002 - the word of the standard
        since: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Event]:
        """A page of events in the order they were appended. Raises BadCursor."""
        limit = max(1, min(limit, LARGEST_PAGE))
        query = _narrowed(select(table), aip_id=aip_id, deposit_id=deposit_id, type=type)
        if since is not None:
            query = query.where(table.c.time >= since)
        if cursor is not None:
            query = query.where(table.c.seq > place_of(cursor, int)[0])
        with self._database.read() as transaction:
            rows = transaction.execute(query.order_by(table.c.seq).limit(limit + 1)).all()
        return page_of(rows, limit, item=event_of, cursor=lambda row: cursor_at(row.seq))

    def latest(self, type: str, tier: str) -> Event | None:  # noqa: A002 - the word of the standard
        """The event of this type that was appended last about a tier; None when there is none."""
        query = select(table).where(table.c.type == type, table.c.tier == tier).order_by(table.c.seq.desc()).limit(1)
        with self._database.read() as transaction:
            row = transaction.execute(query).one_or_none()
        return None if row is None else event_of(row)

    def newest(self, type: str, limit: int) -> Sequence[Event]:  # noqa: A002 - the word of the standard
        """The last events of this type, newest first."""
        query = select(table).where(table.c.type == type).order_by(table.c.seq.desc()).limit(limit)
        with self._database.read() as transaction:
            return [event_of(row) for row in transaction.execute(query)]

    def about(self, type: str, tier: str, since: datetime, until: datetime) -> tuple[Event, ...]:  # noqa: A002 - the word of the standard
        """Events of a type about a tier, from ``since`` until then: for types of which there are few."""
        query = select(table).where(table.c.type == type, table.c.tier == tier, table.c.time >= since, table.c.time <= until)
        query = query.order_by(table.c.seq)
        with self._database.read() as transaction:
            return tuple(event_of(row) for row in transaction.execute(query).all())

    def newest_time(self) -> datetime | None:
        """The time of the event that was appended last."""
        with self._database.read() as transaction:
            found: datetime | None = transaction.execute(select(table.c.time).order_by(table.c.seq.desc()).limit(1)).scalar()
        return found

    def add_note(self, event_id: str, note: Note, *, within: Transaction | None = None) -> None:
        """Keep names and reasons beside an event."""
        salt, said = note
        with self._database.write(within) as transaction:
            transaction.execute(insert(event_note).values(event_id=event_id, salt=salt, note=dict(said)))

    def note(self, event_id: str) -> Note | None:
        """The note of an event; None when it has none, or it was erased."""
        with self._database.read() as transaction:
            row = transaction.execute(select(event_note).where(event_note.c.event_id == event_id)).one_or_none()
        return None if row is None else (row.salt, row.note)

    def erase_note(self, event_id: str, *, within: Transaction | None = None) -> bool:
        """Erase a note, as the law may ask; the event and its digest stay. Whether there was one."""
        with self._database.write(within) as transaction:
            return transaction.execute(delete(event_note).where(event_note.c.event_id == event_id)).rowcount > 0


def _narrowed(query: Select[Any], **values: str | None) -> Select[Any]:
    for name, value in values.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    return query


_COLUMNS = [column.name for column in table.columns][1:]
"""All but the number, which the database gives."""


def event_row(each: Event) -> EventRow:
    """An event as its row keeps it, for what is prepared in one process and entered by another."""
    return (
        escaped(each.id),
        escaped(each.type),
        microseconds(each.time),
        escaped(each.agent),
        escaped(each.outcome),
        escaped(each.aip_id),
        each.aip_version,
        escaped(each.deposit_id),
        escaped(each.tier),
        as_json(each.detail if type(each.detail) is dict else dict(each.detail)),
    )


def id_of_row(row: EventRow) -> str:
    """The id of the event of `event_row`."""
    return unescaped(str(row[0]))


def time_of_row(row: EventRow) -> datetime:
    """When the event of `event_row` happened."""
    return moment(int(row[2]))


def event_of(row: Row[Any]) -> Event:
    """The event of a row of the table, whose columns after the first are the fields of `Event`, in their order."""
    _, *values = tuple(row)
    made: Event = Event(*values)
    return made
