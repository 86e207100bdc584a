"""Empty databases in memory, for the spools of small deposits: each is emptied and used again.

A connection remembers the statements that it was given. For a deposit of ten files, putting them together takes four times as long as
carrying them out, and reading the tables' definitions as long as both.
"""

from __future__ import annotations

import sqlite3
from typing import Final

__all__ = ["SpareDatabases", "in_memory"]

HELD_PAGE: Final = 1_024
"""Bytes of a page of a database in memory: ten tables and indexes of a few rows each take a page at least."""

MOST_SPARE: Final = 8
"""Databases kept for later: one for each thread that works on deposits."""

MOST_PAGES: Final = 128
"""Pages of a database that is used again. What is emptied does not become smaller, and is written whole with the next deposit."""


def in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)


class SpareDatabases:
    """Databases that were made by ``statements`` and have no rows. Threads may share it."""

    def __init__(self, statements: tuple[str, ...]) -> None:
        self._spare: list[sqlite3.Connection] = []
        database = in_memory()
        for statement in (f"PRAGMA page_size = {HELD_PAGE}", *statements):
            database.execute(statement)
        self._image = database.serialize()
        self._version = _version(database)
        self._tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        database.close()

    def take(self) -> sqlite3.Connection:
        """One of them. Raises sqlite3.Error."""
        try:
            return self._spare.pop()
        except IndexError:
            database = in_memory()
        database.deserialize(self._image)
        database.execute("PRAGMA secure_delete = ON")  # a file that is written whole shall have nothing of the deposit before
        return database

    def give_back(self, database: sqlite3.Connection) -> None:
        """Keep it for later, emptied, unless it grew, or was given other tables; or close it. Whoever had it must let go of it."""
        try:
            if self._is_fit(database):
                for statement in ("BEGIN", *(f"DELETE FROM {table}" for table in self._tables), "COMMIT"):
                    database.execute(statement)
                self._spare.append(database)
                return
        except sqlite3.Error:
            pass  # one that does not work is not used again
        database.close()

    def _is_fit(self, database: sqlite3.Connection) -> bool:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        return len(self._spare) < MOST_SPARE and pages <= MOST_PAGES and _version(database) == self._version


def _version(database: sqlite3.Connection) -> int:
    """A number that grows whenever a table or index is made, changed or removed."""
    return int(database.execute("PRAGMA schema_version").fetchone()[0])
