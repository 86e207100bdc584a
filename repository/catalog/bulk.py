"""Loading many rows at once by the shortest way each database has: executemany on SQLite, COPY on PostgreSQL; and finding many.

SQLAlchemy's own insertion handles every value of every row in Python, which costs as much again as the insertion itself. The values
given here must already be what the database keeps (`repository.catalog.columns.escaped` for text).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Table

from repository.catalog.database import BATCH, Transaction
from repository.catalog.errors import CatalogUnavailable

__all__ = ["find", "load"]


def load(
    transaction: Transaction, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, unless: str = ""
) -> None:
    """Insert ``rows``, values in the order of ``columns``, streamed; those whose value of the column ``unless`` is there already are
    passed over. Raises CatalogUnavailable; undo the transaction then."""
    quote = transaction.dialect.identifier_preparer.quote
    names = ", ".join(quote(column) for column in columns)
    postgresql = transaction.dialect.name == "postgresql"
    if postgresql and not unless:
        _copy(transaction, f"COPY {quote(table.name)} ({names}) FROM STDIN", rows)
        return
    places = ", ".join(["%s" if postgresql else "?"] * len(columns))
    statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({places})"
    if unless:
        statement += f" ON CONFLICT ({quote(unless)}) DO NOTHING"
    pending = iter(rows)
    while batch := list(islice(pending, BATCH)):
        transaction.exec_driver_sql(statement, batch)


def find(
    transaction: Transaction, table: Table, columns: Sequence[str], by: str, values: Sequence[Any]
) -> Sequence[tuple[Any, ...]]:
    """``columns`` of the rows whose column ``by`` has one of ``values``, as the database keeps them. (SQLAlchemy writes its own IN anew
    each time, which takes longer than to look.)"""
    quote = transaction.dialect.identifier_preparer.quote
    names = ", ".join(quote(column) for column in columns)
    places = ", ".join(["%s" if transaction.dialect.name == "postgresql" else "?"] * len(values))
    statement = f"SELECT {names} FROM {quote(table.name)} WHERE {quote(by)} IN ({places})"
    rows: Sequence[tuple[Any, ...]] = transaction.exec_driver_sql(statement, tuple(values)).cursor.fetchall()
    return rows


def _copy(transaction: Transaction, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    driver: Any = transaction.connection.driver_connection
    failure = transaction.dialect.loaded_dbapi.Error
    pending = iter(rows)
    with driver.cursor() as cursor:
        # One COPY a batch: an exception of the caller's iterator must not reach into an open COPY.
        while batch := list(islice(pending, BATCH)):
            try:
                with cursor.copy(statement) as copy:
                    for row in batch:
                        copy.write_row(row)
            except failure as problem:
                raise CatalogUnavailable(str(problem)) from problem
