"""Databases of small spools are used again, and nothing of one deposit is seen in the next."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest

from fixity.manifest import Manifest
from formats.package import spool_database
from formats.package.remembered import remember, remembered
from formats.package.source import Role
from formats.package.spare_databases import MOST_PAGES, MOST_SPARE, SpareDatabases
from formats.package.spool import Spool

TABLES = ("CREATE TABLE a (x)", "CREATE TABLE b (y BLOB PRIMARY KEY) WITHOUT ROWID")


@pytest.fixture(autouse=True)
def _no_spares_of_others() -> None:
    spool_database._spares.cache_clear()


def _spool(path: Path, *names: bytes) -> Spool:
    spool = Spool(path)
    for name in names:
        spool.add_file(name, io.BytesIO(b"what is in " + name))
    return spool


def test_a_database_is_used_again_without_rows() -> None:
    spares = SpareDatabases(TABLES)
    first = spares.take()
    first.execute("INSERT INTO a VALUES (1)")
    first.execute("INSERT INTO b VALUES (2)")
    spares.give_back(first)
    again, other = spares.take(), spares.take()
    assert again is first
    assert other is not first
    for database in (again, other):
        assert database.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").fetchone() == (0, 0)
        assert not database.in_transaction


@pytest.mark.parametrize(
    "change",
    ["CREATE TABLE c (z)", "DROP TABLE a", "CREATE INDEX of_a ON a (x)", "ALTER TABLE a RENAME TO d"],
)
def test_one_with_other_tables_is_not(change: str) -> None:
    spares = SpareDatabases(TABLES)
    database = spares.take()
    database.execute(change)
    spares.give_back(database)
    assert spares.take() is not database
    with pytest.raises(sqlite3.ProgrammingError):
        database.execute("SELECT 1")


def test_one_that_grew_is_not() -> None:
    spares = SpareDatabases(TABLES)
    database = spares.take()
    database.executemany("INSERT INTO a VALUES (?)", [(bytes(1_000),)] * MOST_PAGES)
    spares.give_back(database)
    assert spares.take() is not database


def test_few_are_kept() -> None:
    spares = SpareDatabases(TABLES)
    taken = [spares.take() for _ in range(MOST_SPARE + 2)]
    for each in taken:
        spares.give_back(each)
    again = [spares.take() for _ in range(MOST_SPARE + 2)]
    assert sum(each in taken for each in again) == MOST_SPARE


def test_the_next_spool_has_nothing_of_the_one_before(tmp_path: Path) -> None:
    names = [b"secret %d" % number for number in range(40)]
    with _spool(tmp_path / "first", *names) as first:
        connection = first._database._connection
        first.arrange((name, f"data/{name.decode()}", Role.CONTENT) for name in names)
        remember(first).add("PKG-LINK", "secret")
        first.set_meta("title", b"secret")
        first.finish()
    kept = (tmp_path / "first" / "spool.db").read_bytes()
    assert b"secret" in kept

    with _spool(tmp_path / "second", b"open") as second:
        assert second._database._connection is connection
        assert (second.count, second.files) == (1, 1)
        assert [item.name for item in second.items()] == [b"open"]
        assert second.meta("title") is None
        assert not second.complete
        assert not list(remembered(second))
        second.finish()
    assert b"secret" not in (tmp_path / "second" / "spool.db").read_bytes()

    assert (tmp_path / "first" / "spool.db").read_bytes() == kept
    with Spool(tmp_path / "first") as first:
        assert first.complete
        assert first.files == 40


def test_who_still_has_a_spool_that_was_closed_reaches_no_other(tmp_path: Path) -> None:
    first = _spool(tmp_path / "first", b"a")
    manifest = Manifest(first.database)
    first.close()
    with _spool(tmp_path / "second", b"b"):
        with pytest.raises(sqlite3.ProgrammingError):
            list(manifest.by_path())
        with pytest.raises(sqlite3.ProgrammingError):
            manifest.clear()
        for asked in (lambda: first.meta("label"), lambda: first.set_meta("label", b"x"), lambda: list(first.items())):
            with pytest.raises(Exception, match="closed"):
                asked()


def test_a_spool_that_grows_out_of_memory_lets_go_of_its_database(tmp_path: Path) -> None:
    with Spool(tmp_path / "first") as spool:
        connection, keeper = spool._database._connection, spool.database
        for number in range(spool_database.HELD_ITEMS):
            spool.add_folder(b"%d" % number)
        assert spool._database._connection is not connection
        with pytest.raises(sqlite3.ProgrammingError):
            keeper.execute("SELECT 1")
        assert spool.count == spool_database.HELD_ITEMS
    with Spool(tmp_path / "second") as second:
        assert second._database._connection is not connection
