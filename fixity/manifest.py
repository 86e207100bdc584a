"""Manifest: every file of one AIP version with its digests, in one SQLite file, so that a million files cost no memory.

Two tables: the *state* (logical paths) and the *contents* (one row a distinct digest, with its place in the object). Both are read
in the order that is needed: by logical path for METS and exports, by digest for OCFL inventories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from fixity.digests import LogicalPath
from fixity.tables import Database, make_tables

__all__ = ["SCHEMA", "Content", "Entry", "Manifest"]

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS state (
        path TEXT PRIMARY KEY, file TEXT NOT NULL, size INTEGER NOT NULL, sha256 BLOB NOT NULL, sha512 BLOB NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS content (
        sha512 BLOB PRIMARY KEY, sha256 BLOB NOT NULL, content_path TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
        new INTEGER NOT NULL) WITHOUT ROWID""",
)
"""The tables, for those who make a database in which they will be wanted."""

FEW = 1_000
"""Entries up to which a manifest that was made anew is read from memory (half a kilobyte each): a dozen readers ask for parts of it."""

_STATE = "path, file, size, sha256, sha512"
_CONTENT = "sha512, sha256, content_path, file, size, new"


class Entry(NamedTuple):
    """One file of a version state: a row of ``state``. ``file`` is where its bytes lie before they are kept (opaque here)."""

    path: LogicalPath
    file: str
    size: int
    sha256: bytes
    sha512: bytes


class Content(NamedTuple):
    """One distinct content of an object, by digest. ``new`` when it is first stored in this version; contents of earlier versions
    have no ``file`` and size -1 (OCFL inventories do not know sizes)."""

    sha512: bytes
    sha256: bytes
    content_path: str
    file: str = ""
    size: int = -1
    new: bool = False


class Manifest:
    """A view over two tables of a database (the spool database of a deposit)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._few: dict[str, Entry] | None = None
        """The whole state, where it is known and small."""
        make_tables(database, *SCHEMA)

    def clear(self) -> None:
        self._database.execute("DELETE FROM state")
        self._database.execute("DELETE FROM content")
        self._few = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Raises sqlite3.IntegrityError when a path is there already."""
        few, self._few = self._few, None
        noted: list[Entry] = []
        rows = entries if few is None else _noting(entries, noted, FEW + 1 - len(few))
        self._database.executemany(f"INSERT INTO state ({_STATE}) VALUES (?,?,?,?,?)", rows)
        if few is not None and len(few) + len(noted) <= FEW:
            self._few = few | {entry.path: entry for entry in noted}

    def inherit(self, contents: Iterable[Content]) -> None:
        """Take over the contents of the version before, so that only what changed is stored again."""
        rows = ((c.sha512, c.sha256, c.content_path, "", c.size, 0) for c in contents)
        self._database.executemany(f"INSERT INTO content ({_CONTENT}) VALUES (?,?,?,?,?,?)", rows)

    def place(self, choose: Callable[[LogicalPath, bytes], str]) -> None:
        """Give every digest of the state that has no place yet a new content path: ``choose(first path, sha512)``."""
        firsts = self._database.execute(
            f"SELECT {_STATE} FROM state WHERE path IN (SELECT min(path) FROM state GROUP BY sha512)"
            " AND sha512 NOT IN (SELECT sha512 FROM content) ORDER BY path"
        )
        batch: list[tuple[bytes, bytes, str, str, int, int]] = []
        for path, file, size, sha256, sha512 in firsts:
            batch.append((sha512, sha256, choose(LogicalPath(path), sha512), file, size, 1))
            if len(batch) == 10_000:
                self._insert(batch)
        self._insert(batch)

    def _insert(self, batch: list[tuple[bytes, bytes, str, str, int, int]]) -> None:
        self._database.executemany(f"INSERT INTO content ({_CONTENT}) VALUES (?,?,?,?,?,?)", batch)
        batch.clear()

    def by_path(self, prefix: str = "") -> Iterator[Entry]:
        """Entries in order of their paths (as UTF-8 bytes); only those below the folder ``prefix`` when one is given."""
        if (few := self._few) is not None:
            below = prefix + "/" if prefix else ""
            yield from (few[path] for path in sorted(few) if path.startswith(below))
            return
        # "0" is the character after "/": all names below the folder and no others, from the primary key.
        tail, arguments = ("WHERE path > ? AND path < ?", (prefix + "/", prefix + "0")) if prefix else ("", ())
        yield from map(Entry._make, self._database.execute(f"SELECT {_STATE} FROM state {tail} ORDER BY path", arguments))

    def by_digest(self) -> Iterator[tuple[bytes, LogicalPath]]:
        """(SHA-512, logical path) of the state in that order: an OCFL state block."""
        for row in self._database.execute("SELECT sha512, path FROM state ORDER BY sha512, path"):
            yield row[0], LogicalPath(row[1])

    def placed(self) -> Iterator[tuple[Entry, str]]:
        """(entry, its content path) in order of paths."""
        rows = self._database.execute(
            "SELECT s.path, s.file, s.size, s.sha256, s.sha512, c.content_path FROM state s JOIN content c USING (sha512) ORDER BY s.path"
        )
        for row in rows:
            yield Entry._make(row[:5]), row[5]

    def contents(self, *, new_only: bool = False) -> Iterator[Content]:
        """Contents in order of their digests: an OCFL manifest block."""
        where = "WHERE new = 1" if new_only else ""
        for row in self._database.execute(f"SELECT {_CONTENT} FROM content {where} ORDER BY sha512"):
            yield Content(row[0], row[1], row[2], row[3], row[4], bool(row[5]))

    def get(self, path: str) -> Entry | None:
        if self._few is not None:
            return self._few.get(path)
        row = self._database.execute(f"SELECT {_STATE} FROM state WHERE path = ?", (path,)).fetchone()
        return None if row is None else Entry._make(row)

    def totals(self) -> tuple[int, int]:
        """(number of files, bytes) of the whole state."""
        row = self._database.execute("SELECT count(*), coalesce(sum(size), 0) FROM state").fetchone()
        return int(row[0]), int(row[1])


def _noting(entries: Iterable[Entry], noted: list[Entry], most: int) -> Iterator[Entry]:
    """The entries, of which the first ``most`` are ``noted``."""
    for entry in entries:
        if len(noted) < most:
            noted.append(entry)
        yield entry
