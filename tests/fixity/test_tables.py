"""Tables are asked for once a connection, and made wherever they are not there."""

from __future__ import annotations

import sqlite3

from fixity.tables import TableConnection, make_tables

TABLE = "CREATE TABLE IF NOT EXISTS t (a)"


def test_a_table_is_made_and_asked_for_once() -> None:
    with sqlite3.connect(":memory:", factory=TableConnection) as database:
        said: list[str] = []
        database.set_trace_callback(said.append)
        make_tables(database, TABLE)
        make_tables(database, TABLE)
        assert said == [TABLE]
        database.execute("INSERT INTO t VALUES (1)")
    database.close()


def test_any_other_connection_is_asked_each_time() -> None:
    with sqlite3.connect(":memory:") as database:
        make_tables(database, TABLE)
        make_tables(database, TABLE)
        assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)
    database.close()
