"""The manifest: what is small and was made anew is read from memory, and the same as from the database."""

from __future__ import annotations

import sqlite3

import pytest

from fixity import manifest as module
from fixity.digests import LogicalPath
from fixity.manifest import Entry, Manifest

PATHS = ["METS.xml", "a/b", "a/b/c", "a-b/c", "a0/c", "a/é", "a/Ạ", "a/\uffff", "a/𐀀", "aa/c"]


def entry(path: str) -> Entry:
    return Entry(LogicalPath(path), f"files/{path}", len(path), b"2" * 32, path.encode())


@pytest.mark.parametrize("few", [0, 3, 100])
def test_entries_are_the_same_from_memory_and_from_the_database(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", few)
    database = sqlite3.connect(":memory:")
    made = Manifest(database)
    made.clear()
    for start in range(0, len(PATHS), 4):
        made.add(entry(path) for path in PATHS[start : start + 4])
        there = Manifest(database)  # knows nothing but the database
        for prefix in ("", "a", "a/b", "nothing"):
            assert list(made.by_path(prefix)) == list(there.by_path(prefix))
        for path in (*PATHS, "nothing"):
            assert made.get(path) == there.get(path)
    assert [each.path for each in made.by_path()] == sorted(PATHS, key=str.encode)
    made.clear()
    assert list(made.by_path()) == []


def test_what_was_there_before_is_not_forgotten_by_who_adds() -> None:
    database = sqlite3.connect(":memory:")
    first = Manifest(database)
    first.add([entry("a")])
    second = Manifest(database)
    second.add([entry("b")])
    assert [each.path for each in second.by_path()] == ["a", "b"]


def test_a_path_twice_is_refused_and_what_is_read_is_what_is_there() -> None:
    made = Manifest(sqlite3.connect(":memory:", isolation_level=None))
    made.clear()
    made.add([entry("a")])
    with pytest.raises(sqlite3.IntegrityError):
        made.add([entry("a")])
    assert list(made.by_path()) == [entry("a")]
    assert made.get("a") == entry("a")


def test_reading_goes_on_while_entries_are_added() -> None:
    made = Manifest(sqlite3.connect(":memory:"))
    made.clear()
    made.add(map(entry, PATHS))
    seen = []
    for number, each in enumerate(made.by_path()):
        seen.append(each.path)
        made.add([entry(f"z/{number}")])
    assert seen[: len(PATHS)] == sorted(PATHS, key=str.encode)
