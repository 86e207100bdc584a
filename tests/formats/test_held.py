"""Rows asked for one by one: few are read at once, many each when asked for; the answers are the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from fixity.manifest import SCHEMA as MANIFEST
from formats import held
from formats.held import Held
from formats.package.spool import Spool
from formats.package.spool_database import beside


@pytest.mark.parametrize("few", [0, 2, 100])
def test_the_same_is_said_however_many_there_are(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "FEW", few)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE word (key TEXT PRIMARY KEY, first TEXT, second INTEGER)")
    database.executemany("INSERT INTO word VALUES (?,?,?)", [("a", "x", 1), ("b", "y", 2), ("c", "z", 3)])
    rows = Held(database, "word", "key, first, second", lambda first, second: f"{first}{second}")
    assert [rows.get(key) for key in ("b", "c", "none", "a")] == ["y2", "z3", None, "x1"]
    database.execute("UPDATE word SET first = 'new' WHERE key = 'a'")
    database.execute("DELETE FROM word WHERE key = 'b'")
    rows.forget()
    assert [rows.get(key) for key in ("a", "b")] == ["new1", None]


def test_a_small_spool_has_the_tables_of_all_who_keep_some_in_it(tmp_path: Path) -> None:
    beside("CREATE TABLE IF NOT EXISTS of_a_test (key TEXT)")
    with Spool(tmp_path / "spool") as spool:
        names = {name for (name,) in spool.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"item", "of_a_test"} <= names
    assert all(any(f" {name} (" in statement for statement in MANIFEST) for name in ("state", "content"))
    assert {"state", "content"} <= names
