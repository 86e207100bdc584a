"""The SQLite file of a spool: statements, transactions, and facts about the whole deposit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from formats.errors import FormatsError, NameTaken, SpoolFailed, SpoolFull

__all__ = ["SCHEMA", "SpoolDatabase"]

PAGE: Final = 1_000
"""Rows read at a time: no cursor stays open, so a caller may write while it iterates."""

COMMIT_EVERY: Final = 10_000
"""Rows between commits."""

CACHE_KIB: Final = 32_768
"""SQLite's page cache (32 MiB): names come in order, so a small one serves a million rows."""

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS item (
        name BLOB PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER, file TEXT NOT NULL,
        sha256 BLOB, sha512 BLOB, stored TEXT, role TEXT) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX IF NOT EXISTS item_stored ON item (stored) WHERE stored IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS item_file ON item (file)",
    "CREATE TABLE IF NOT EXISTS alias (stored TEXT PRIMARY KEY, name BLOB NOT NULL, role TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS alias_name ON alias (name)",
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
)


class SpoolDatabase:
    """One connection. Raises `SpoolFull` or `SpoolFailed` when the file does not work, `NameTaken` for two equal keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._uncommitted = 0
        try:
            self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        # Rebuildable, so never synced; the log keeps the file whole when only this process dies.
        for pragma in ("synchronous = OFF", "journal_mode = WAL", f"cache_size = -{CACHE_KIB}"):
            self.run(f"PRAGMA {pragma}")
        for statement in SCHEMA:
            self.run(statement)

    def run(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Execute; a write outside a transaction is committed at once."""
        try:
            return self.connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def write(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Execute within the transaction that `COMMIT_EVERY` writes share."""
        if not self.connection.in_transaction:
            self.run("BEGIN")
        self.run(statement, values)
        self._uncommitted += 1
        if self._uncommitted >= COMMIT_EVERY:
            self.commit()

    def write_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute for every row, and commit. ``rows`` may read this database by pages."""
        if not self.connection.in_transaction:
            self.run("BEGIN")
        try:
            self.connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self.commit()

    def commit(self) -> None:
        if self.connection.in_transaction:
            self.run("COMMIT")
        self._uncommitted = 0

    def close(self) -> None:
        self.commit()
        self.connection.close()

    def pages(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of ``query`` in pages; its parameters are the last value of its first column, and how many rows to give."""
        last = b""
        while page := self.run(query, (last, PAGE)).fetchall():
            yield page
            last = page[-1][0]

    def meta(self, key: str) -> bytes | None:
        """One remembered fact about the deposit."""
        row = self.run("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def set_meta(self, key: str, value: bytes) -> None:
        self.write("INSERT OR REPLACE INTO meta VALUES (?,?)", (key, value))

    def _failure(self, error: sqlite3.Error) -> FormatsError:
        if isinstance(error, sqlite3.IntegrityError):
            return NameTaken("PKG-STORED-TWICE", str(self._path))
        return SpoolFull(str(self._path)) if "full" in str(error) else SpoolFailed(str(self._path), str(error))
