"""The connection to the database: transactions, what SQLite must be told, and errors in Kho's own words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from policies.phrases import phrase
from policies.users import user_name
from repository.catalog.errors import CatalogDenied, CatalogUnavailable

__all__ = ["BATCH", "Database", "Transaction", "ask_sqlite", "insert_into"]

Transaction = Connection
"""An open transaction, as `Database.begin` gives it; hand it to a method as ``within``."""

BATCH = 10_000
"""Rows handed to the database at once: enough to make a call cheap, few enough to weigh nothing (about 5 MB)."""

BUSY_MILLISECONDS = 60_000
"""How long SQLite waits for another writer. Longer than the longest transaction: registering an AIP of a million files."""

PAGES_BEFORE_CHECKPOINT = 8_000
"""32 MiB of write-ahead log between checkpoints: bulk registration writes each page of an index fewer times."""


def _open_sqlite(file: str | None, dbapi: Any, _record: Any) -> None:
    """Not where one may only read the file: SQLite would make the log beside it all the same, in the name of whoever looks, and its owner
    could write nothing more. Raises CatalogDenied."""
    if said := _not_ours(file):
        raise CatalogDenied(said)
    _configure_sqlite(dbapi)


def _not_ours(file: str | None) -> str:
    """That the user who asks may not write the file of the database, or what lies beside it, in words; SQLite says "readonly" of it
    whatever one does."""
    beside = (file, f"{file}-wal", f"{file}-shm", os.path.dirname(os.path.abspath(file))) if file and os.path.exists(file) else ()
    for place in beside:
        if os.path.exists(place) and not os.access(place, os.W_OK, effective_ids=True):
            user, owner = os.geteuid(), os.stat(place).st_uid
            if user == owner:  # then nobody else is the one to run Kho
                return phrase("cat-not-writable", path=place, user=user_name(user))
            return phrase("cat-not-yours", path=place, user=user_name(user), owner=user_name(owner))
    return ""


def _configure_sqlite(dbapi: Any) -> None:
    dbapi.isolation_level = None  # the driver shall not begin transactions of its own: Database does
    cursor = dbapi.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"wal_autocheckpoint = {PAGES_BEFORE_CHECKPOINT}",
        "cache_size = -32000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection, *, write: bool) -> None:
    """Begin on the driver's own connection: as an event, or a statement of SQLAlchemy's, it costs as much as the statement that follows."""
    driver: Any = connection.connection.driver_connection
    try:
        # A writer must say so at once: a reader that turns writer while another writes fails instead of waiting.
        driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    except connection.dialect.loaded_dbapi.Error as problem:
        raise CatalogUnavailable(str(problem)) from problem


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database and not os.path.isdir(os.path.dirname(os.path.abspath(parsed.database))):
                raise CatalogUnavailable(phrase("cat-no-folder", path=parsed.database))
            engine = create_engine(parsed)
            event.listen(engine, "connect", partial(_open_sqlite, parsed.database))
            return engine
        return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as problem:
        raise CatalogUnavailable(str(problem)) from problem


class Database:
    """One database by its URL. Threads may share it; processes may not.

    Raises:
        CatalogUnavailable: the URL cannot be used. Every method may raise it too.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._sqlite = self._engine.dialect.name == "sqlite"
        self.name = make_url(url).render_as_string(hide_password=True)

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Transaction]:
        try:
            with self._engine.connect() as connection, connection.begin():
                if self._sqlite:
                    _begin_sqlite(connection, write=write)
                yield connection
        except DBAPIError as problem:
            if said := _not_ours(self._engine.url.database if self._sqlite else None):
                raise CatalogDenied(said) from problem
            raise CatalogUnavailable(str(problem.orig)) from problem
        except PoolTimeout as problem:
            raise CatalogUnavailable(phrase("cat-busy")) from problem

    @contextmanager
    def write(self, within: Transaction | None = None) -> Iterator[Transaction]:
        """A transaction that may change things: committed at the end, undone by any exception. ``within`` goes on with one."""
        if within is not None:
            yield within
            return
        with self._transaction(write=True) as transaction:
            yield transaction

    @contextmanager
    def read(self, within: Transaction | None = None) -> Iterator[Transaction]:
        """A transaction that only looks."""
        if within is not None:
            yield within
            return
        with self._transaction(write=False) as transaction:
            yield transaction

    def close(self) -> None:
        self._engine.dispose()


def ask_sqlite(transaction: Transaction, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The rows that a statement gives, as SQLite keeps their values. For what every deposit asks several times: SQLAlchemy takes thirty
    times as long as the answer. Raises CatalogUnavailable."""
    driver: Any = transaction.connection.driver_connection
    try:
        rows: list[tuple[Any, ...]] = driver.execute(statement, values).fetchall()
    except transaction.dialect.loaded_dbapi.Error as problem:
        raise CatalogUnavailable(str(problem)) from problem
    return rows


def insert_into(transaction: Transaction, table: Table) -> Any:
    """``insert(table)`` of this database's own dialect, which knows on_conflict_do_nothing and on_conflict_do_update. Here and in
    the migrations are the only places where the two databases are told apart."""
    if transaction.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # a tenth of a second that only its users pay

        return postgresql.insert(table)
    return sqlite.insert(table)
