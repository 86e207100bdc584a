"""Tables that several keepers make in one SQLite database, each before it uses them: asked of the database once a connection."""

from __future__ import annotations

import sqlite3
from typing import Any

__all__ = ["TableConnection", "make_tables"]


class TableConnection(sqlite3.Connection):
    """A connection that remembers which tables are there: ``made`` holds the statements that made them, or would have."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.made: set[str] = set()


def make_tables(database: sqlite3.Connection, *statements: str) -> None:
    """Execute ``statements``, each of them CREATE … IF NOT EXISTS; those that a `TableConnection` has not executed yet. Even for a table
    that is there SQLite takes as long as for looking up a row. Raises sqlite3.Error."""
    made = database.made if isinstance(database, TableConnection) else set[str]()
    for statement in statements:
        if statement not in made:
            database.execute(statement)
            made.add(statement)
