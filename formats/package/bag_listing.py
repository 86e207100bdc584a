"""What lies in a bag and what its manifests say lies in it, side by side.

Both lists are in a temporary SQLite file, so a million files need no memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from formats.package.names import folded_name
from formats.package.source import Item

__all__ = ["Entry", "Listing", "Manifest"]

_SCHEMA = """
CREATE TABLE file (name BLOB PRIMARY KEY, size INTEGER NOT NULL, folded BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX file_folded ON file (folded);
CREATE TABLE entry (manifest INTEGER NOT NULL, name BLOB NOT NULL, digest BLOB NOT NULL, folded BLOB NOT NULL);
CREATE TABLE fetch (name BLOB PRIMARY KEY, size INTEGER) WITHOUT ROWID;
CREATE TABLE stands (manifest INTEGER NOT NULL, name BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest file. ``algorithm`` is a key of `fixity.ALGORITHMS`, "" when we do not know it; ``tag``: a tag manifest."""

    number: int
    name: bytes
    algorithm: str
    tag: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What one manifest (by number) says of a name."""

    manifest: int
    digest: bytes


class Listing:
    """Both lists. Files first (`add_files`), then entries, then `index`, then the questions."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.executescript(_SCHEMA)
        self.payload_files = 0
        self.payload_bytes = 0

    def close(self) -> None:
        self._database.close()

    def add_files(self, items: Iterable[Item]) -> None:
        self._database.executemany("INSERT INTO file VALUES (?,?,?)", self._counted(items))

    def _counted(self, items: Iterable[Item]) -> Iterator[tuple[bytes, int, bytes]]:
        for item in items:
            if item.name.startswith(b"data/"):
                self.payload_files += 1
                self.payload_bytes += item.size
            yield item.name, item.size, folded_name(item.name)

    def add_entries(self, manifest: Manifest, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """(name, digest) of every line of a manifest."""
        rows = ((manifest.number, name, digest, folded_name(name)) for name, digest in entries)
        self._database.executemany("INSERT INTO entry VALUES (?,?,?,?)", rows)

    def add_fetch(self, name: bytes, size: int | None) -> bool:
        """Whether it was not listed before."""
        return self._database.execute("INSERT OR IGNORE INTO fetch VALUES (?,?)", (name, size)).rowcount == 1

    def index(self) -> None:
        """All entries are there."""
        self._database.execute("CREATE INDEX entry_name ON entry (name, manifest)")
        self._database.execute("CREATE INDEX entry_folded ON entry (folded)")

    def exists(self, name: bytes) -> bool:
        return self._database.execute("SELECT 1 FROM file WHERE name = ?", (name,)).fetchone() is not None

    def listed_twice(self) -> Iterator[tuple[int, bytes, bool]]:
        """(manifest, name, whether all its digests are equal) of names that stand in one manifest more than once."""
        query = "SELECT manifest, name, count(DISTINCT digest) FROM entry GROUP BY name, manifest HAVING count(*) > 1"
        for manifest, name, digests in self._database.execute(query):
            yield manifest, name, digests == 1

    def alike(self) -> Iterator[tuple[bytes, bytes]]:
        """Pairs of different listed names that are one where case and normalisation do not count."""
        twice = "SELECT folded FROM entry GROUP BY folded HAVING count(DISTINCT name) > 1"
        rows = self._database.execute(f"SELECT DISTINCT folded, name FROM entry WHERE folded IN ({twice}) ORDER BY folded, name")
        for _, group in groupby(rows, key=lambda row: bytes(row[0])):
            first, *others = (row[1] for row in group)
            yield from ((first, other) for other in others)

    def to_verify(self) -> Iterator[tuple[bytes, list[Entry]]]:
        """Every file that stands in a manifest, with all that manifests say of it; in order of names."""
        yield from self._grouped("SELECT name, manifest, digest FROM entry JOIN file USING (name) ORDER BY name, manifest")

    def lists(self, manifest: Manifest, name: bytes) -> bool:
        """Whether one manifest lists ``name``."""
        query = "SELECT 1 FROM entry WHERE name = ? AND manifest = ?"
        return self._database.execute(query, (name, manifest.number)).fetchone() is not None

    def missing(self) -> Iterator[tuple[bytes, list[Entry]]]:
        """Every listed name that is not there, with all that manifests say of it."""
        where = "NOT EXISTS (SELECT 1 FROM file WHERE file.name = entry.name)"
        yield from self._grouped(f"SELECT name, manifest, digest FROM entry WHERE {where} ORDER BY name, manifest")

    def _grouped(self, query: str) -> Iterator[tuple[bytes, list[Entry]]]:
        rows: Iterable[tuple[Any, ...]] = self._database.execute(query)
        for name, group in groupby(rows, key=lambda row: bytes(row[0])):
            yield name, [Entry(row[1], row[2]) for row in group]

    def lookalikes(self, name: bytes) -> list[bytes]:
        """Files whose names differ from ``name`` only by case or normalisation."""
        query = "SELECT name FROM file WHERE folded = ? AND name != ? ORDER BY name"
        return [row[0] for row in self._database.execute(query, (folded_name(name), name))]

    def stands_for(self, name: bytes, entries: Iterable[Entry]) -> None:
        """The file ``name`` is what these entries mean, which name it otherwise."""
        self._database.executemany("INSERT INTO stands VALUES (?,?)", ((entry.manifest, name) for entry in entries))

    def unlisted(self, manifests: Iterable[Manifest]) -> Iterator[tuple[bytes, list[int]]]:
        """(payload file, manifests it stands in) where that is not all of ``manifests`` (numbers)."""
        numbers = {manifest.number for manifest in manifests}
        query = (
            "SELECT f.name, e.manifest FROM file f LEFT JOIN entry e ON e.name = f.name WHERE f.name > ?1 AND f.name < ?2"
            " UNION SELECT name, manifest FROM stands WHERE name > ?1 AND name < ?2 ORDER BY 1"
        )
        for name, group in groupby(self._database.execute(query, (b"data/", b"data0")), key=lambda row: bytes(row[0])):
            found = sorted({row[1] for row in group if row[1] in numbers})
            if len(found) < len(numbers):
                yield name, found

    def fetches(self) -> Iterator[tuple[bytes, int | None, int | None, list[int]]]:
        """(name, stated size, real size or None when it is not there, manifests it stands in) of fetch.txt."""
        query = (
            "SELECT t.name, t.size, f.size, e.manifest FROM fetch t LEFT JOIN file f USING (name)"
            " LEFT JOIN entry e ON e.name = t.name ORDER BY t.name"
        )
        for (name, stated, real), group in groupby(self._database.execute(query), key=lambda row: tuple(row[:3])):
            yield name, stated, real, sorted({row[3] for row in group if row[3] is not None})

    def is_fetched(self, name: bytes) -> bool:
        """Whether fetch.txt lists ``name``."""
        return self._database.execute("SELECT 1 FROM fetch WHERE name = ?", (name,)).fetchone() is not None
