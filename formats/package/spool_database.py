"""The SQLite database of a spool: statements, transactions, and facts about the whole deposit.

A small deposit's database is held in memory and its file is written whole at every commit, by a rename: making an SQLite file, its
log and its index of the log, and folding them together again, costs more than all other work on a deposit of ten files.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from fixity.manifest import SCHEMA as MANIFEST
from fixity.tables import CLOSED, TableConnection
from formats.errors import FormatsError, NameTaken, SpoolFailed, SpoolFull, spool_error
from formats.package.spare_databases import SpareDatabases, in_memory
from policies.phrases import os_phrase

__all__ = ["SCHEMA", "SpoolDatabase", "beside"]

PAGE: Final = 1_000
"""Rows read at a time: no cursor stays open, so a caller may write while it iterates."""

COMMIT_EVERY: Final = 10_000
"""Rows between commits."""

HELD_ITEMS: Final = 300
"""Items of a deposit up to which its database is held in memory (about a kilobyte each when everything is known of them)."""

FILE_PAGE: Final = 4_096
"""Bytes of a page of a database that is a file."""

_LOGGED: Final = 2
"""The file format version in the header (byte 18) of a database that was ever opened with a write-ahead log."""

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


_BESIDE: list[str] = list(MANIFEST)


def beside(*statements: str) -> None:
    """Name tables that others keep in every spool database: one that is held in memory has them from the beginning, which costs
    nothing, while each made on its own costs as much as some files. They must be made with IF NOT EXISTS by their keepers all the
    same, for databases that are files, or older."""
    _BESIDE.extend(statements)


class SpoolDatabase:
    """One connection. Raises `SpoolFull` or `SpoolFailed` when the file does not work, `NameTaken` for two equal keys."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._uncommitted = 0
        self._held = False
        self._spares: SpareDatabases | None = None
        try:
            with open(path, "rb") as file:
                data = file.read(19)
                data += b"" if data[18:] == bytes([_LOGGED]) else file.read()
        except FileNotFoundError:
            self._make()
            return
        except OSError as error:
            raise SpoolFailed(self._path, os_phrase(error)) from error
        if len(data) > 19:
            self._hold(data)
        elif data:
            self._open()
        else:  # of a machine that lost its power: nothing is known, and what was received is read again
            self._make()

    def _make(self) -> None:
        """Work in memory, without a file as yet."""
        made = tuple(_BESIDE)
        self._spares = _spares(made)
        try:
            self._use(self._spares.take(), made)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self._held = True

    def _hold(self, data: bytes) -> None:
        """Work in memory, on a copy of the file."""
        self._use(in_memory())
        self._held = True
        try:
            self._connection.deserialize(data)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self.run("SELECT count(*) FROM meta")  # what is damaged is said now

    def _open(self) -> None:
        """Work on the file."""
        try:
            self._use(sqlite3.connect(self._path, check_same_thread=False, isolation_level=None))
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self._held = False
        self._spares = None
        # Rebuildable, so never synced; the log keeps the file whole when only this process dies.
        for pragma in ("synchronous = OFF", "journal_mode = WAL", f"cache_size = -{CACHE_KIB}"):
            self.run(f"PRAGMA {pragma}")

    def _use(self, connection: sqlite3.Connection, made: Iterable[str] = ()) -> None:
        self._connection = connection
        self._saved = connection.total_changes
        self.connection = TableConnection(connection, made)
        """For others who keep tables beside ours."""

    @property
    def held(self) -> bool:
        """Whether the database is held in memory: it is small."""
        return self._held

    def grown(self, items: int) -> None:
        """The deposit has so many items now. From `HELD_ITEMS` on its database is a file; `connection` is another one then, so
        this is for those who add items, before anybody keeps tables beside them."""
        if not self._held or items < HELD_ITEMS:
            return
        self.end()
        new = f"{self._path}.new"
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new)
            self.run(f"PRAGMA page_size = {FILE_PAGE}")
            self.run("VACUUM INTO ?", (new,))
            os.rename(new, self._path)
        except OSError as error:
            raise spool_error(error, self._path) from error
        self._connection.close()
        self.connection.leave()
        self._open()

    def run(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Execute; a write outside a transaction is committed at once."""
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def write(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Execute within the transaction that `COMMIT_EVERY` writes share."""
        self.begin()
        self.run(statement, values)
        self._uncommitted += 1
        if self._uncommitted >= COMMIT_EVERY:
            self.end()

    def write_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute for every row, in one transaction. ``rows`` may read this database by pages."""
        self.begin()
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self.end()

    def begin(self) -> None:
        """Start a transaction, or go on in the one that is open."""
        if not self._connection.in_transaction:
            self.run("BEGIN")

    def end(self) -> None:
        """End the transaction that is open, if there is one. Only `commit` makes a database in memory outlive this process."""
        if self._connection.in_transaction:
            self.run("COMMIT")
        self._uncommitted = 0

    def commit(self) -> None:
        """Make everything so far outlive this process."""
        self.end()
        if self._held and self._saved != self._connection.total_changes:
            self._save()

    def _save(self) -> None:
        """Write the file whole; a process that dies meanwhile leaves the old one."""
        new = f"{self._path}.new"
        try:
            with open(new, "wb", buffering=0) as file:
                data = memoryview(self._connection.serialize())
                while data:
                    data = data[file.write(data) :]
            os.rename(new, self._path)
        except OSError as error:
            raise spool_error(error, self._path) from error
        self._saved = self._connection.total_changes

    def close(self) -> None:
        self.commit()
        self.connection.leave()
        connection, self._connection = self._connection, CLOSED
        if self._spares is not None:
            self._spares.give_back(connection)
        else:
            connection.close()

    def pages(self, query: str, first: tuple[Any, ...] = (b"",), by: tuple[int, ...] = (0,)) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of ``query`` in pages; its parameters are what the columns ``by`` of the last row hold (``first``: before the first
        row), and how many rows to give. A page that is not full is the last: what is added behind it meanwhile is not seen."""
        last = first
        while page := self.run(query, (*last, PAGE)).fetchall():
            yield page
            if len(page) < PAGE:
                return
            last = tuple(page[-1][column] for column in by)

    def meta(self, key: str) -> bytes | None:
        """One remembered fact about the deposit."""
        row = self.run("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def set_meta(self, key: str, value: bytes) -> None:
        self.write("INSERT OR REPLACE INTO meta VALUES (?,?)", (key, value))

    def _failure(self, error: sqlite3.Error) -> FormatsError:
        if isinstance(error, sqlite3.IntegrityError):
            return NameTaken("PKG-STORED-TWICE", self._path)
        return SpoolFull(self._path) if "full" in str(error) else SpoolFailed(self._path, str(error))


@functools.cache
def _spares(others: tuple[str, ...]) -> SpareDatabases:
    """Databases with our tables and those of ``others``."""
    return SpareDatabases((*SCHEMA, *others))
