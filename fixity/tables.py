"""Tables that several keepers make in one SQLite database, each before it uses them: asked of the database once a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["CLOSED", "Database", "TableConnection", "make_tables"]


class Database(Protocol):
    """What keepers of tables ask of a database: any `sqlite3.Connection` is one."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statement: str, values: tuple[Any, ...] = ..., /) -> sqlite3.Cursor: ...

    def executemany(self, statement: str, rows: Iterable[tuple[Any, ...]], /) -> sqlite3.Cursor: ...


class TableConnection:
    """A connection for keepers of tables, which remembers those that are there: ``made`` holds the statements that made them, or would
    have. The connection itself may serve another database later, which a keeper from before never reaches (`leave`)."""

    def __init__(self, connection: sqlite3.Connection, made: Iterable[str] = ()) -> None:
        self._connection = connection
        self.made = set(made)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, values: tuple[Any, ...] = (), /) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, rows: Iterable[tuple[Any, ...]], /) -> sqlite3.Cursor:
        return self._connection.executemany(statement, rows)

    def leave(self) -> None:
        """From now on as if the connection were closed: whatever is asked raises `sqlite3.ProgrammingError`."""
        self._connection = CLOSED


CLOSED = sqlite3.connect(":memory:", check_same_thread=False)
CLOSED.close()
"""A connection that was closed, for whoever has none any more."""


def make_tables(database: Database, *statements: str) -> None:
    """Execute ``statements``, each of them CREATE … IF NOT EXISTS; those that a `TableConnection` has not executed yet. Even for a table
    that is there SQLite takes as long as for looking up a row. Raises sqlite3.Error."""
    made = database.made if isinstance(database, TableConnection) else set[str]()
    for statement in statements:
        if statement not in made:
            database.execute(statement)
            made.add(statement)
