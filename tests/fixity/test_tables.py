"""Tables are asked for once a connection, and made wherever they are not there."""

from __future__ import annotations

import sqlite3

import pytest

from fixity.tables import TableConnection, make_tables

TABLE = "CREATE TABLE IF NOT EXISTS t (a)"


def test_a_table_is_made_and_asked_for_once() -> None:
    with sqlite3.connect(":memory:") as connection:
        said: list[str] = []
        connection.set_trace_callback(said.append)
        database = TableConnection(connection)
        make_tables(database, TABLE)
        make_tables(database, TABLE)
        assert said == [TABLE]
        database.execute("INSERT INTO t VALUES (1)")
    connection.close()


def test_who_has_a_connection_that_was_left_reaches_nothing() -> None:
    with sqlite3.connect(":memory:") as connection:
        database = TableConnection(connection)
        make_tables(database, TABLE)
        database.leave()
        with pytest.raises(sqlite3.ProgrammingError):
            database.execute("SELECT * FROM t")
        with pytest.raises(sqlite3.ProgrammingError):
            database.executemany("INSERT INTO t VALUES (?)", [(1,)])
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,), "it serves others still"
    connection.close()


def test_any_other_connection_is_asked_each_time() -> None:
    with sqlite3.connect(":memory:") as database:
        make_tables(database, TABLE)
        make_tables(database, TABLE)
        assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)
    database.close()
