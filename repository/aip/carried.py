"""What a derived version takes over from the version before it, what was made from what, and what is now said to be of another format:
tables beside the spool's items.

An AIP may have a million files, of which a migration changes none: they are rows, never objects in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fixity.digests import LogicalPath
from fixity.manifest import Entry
from fixity.tables import Database, make_tables
from formats.report import KnownFormat
from policies.findings import Puid

__all__ = ["Carried", "CarriedFile", "CarriedRow", "Told"]

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS carried (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, sha256 BLOB NOT NULL, sha512 BLOB NOT NULL, puid TEXT NOT NULL,
        format_name TEXT NOT NULL, original_name BLOB NOT NULL, mime TEXT NOT NULL DEFAULT '', spoken INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS derived (stored TEXT PRIMARY KEY, source TEXT NOT NULL, tool TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS derived_told (stored TEXT PRIMARY KEY, told TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS renamed (
        path TEXT PRIMARY KEY, puid TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, mime TEXT NOT NULL, notes TEXT NOT NULL
    ) WITHOUT ROWID""",
    # Of archives only, which are few.
    "CREATE TABLE IF NOT EXISTS carried_inside (path TEXT PRIMARY KEY, sums TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS renamed_inside (path TEXT PRIMARY KEY, sums TEXT NOT NULL) WITHOUT ROWID",
)

Told = tuple[tuple[str, str], ...]
"""Names and values, as `formats.premis.PremisFile.technical` has them."""

CarriedRow = tuple[str, int, bytes, bytes, str, str, str, str]
"""Path, size, sha256, sha512, PUID, format name, original name, what lies in it."""


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """What is known of a file that is carried over."""

    puid: Puid
    name: str
    original_name: str
    mime: str
    inside: str


class Carried:
    """A view over these tables of a spool database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        make_tables(database, *_SCHEMA)

    @classmethod
    def beside(cls, database: Database) -> Carried | None:
        """The tables of a derived version; None for a deposit that brought everything itself."""
        there = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'carried'").fetchone()
        return None if there is None else cls(database)

    def fill(self, files: Iterable[CarriedRow]) -> None:
        """All that is carried over; what was there before goes."""
        if not self._database.in_transaction:
            self._database.execute("BEGIN")
        self._database.execute("DELETE FROM carried")
        self._database.execute("DELETE FROM carried_inside")
        insert = "INSERT INTO carried (path, size, sha256, sha512, puid, format_name, original_name) VALUES (?,?,?,?,?,?,?)"
        for *known, original_name, inside in files:
            self._database.execute(insert, (*known, original_name.encode("utf-8", "surrogateescape")))
            if inside:
                self._database.execute("INSERT INTO carried_inside VALUES (?, ?)", (known[0], inside))

    def media_type(self, path: str, mime: str) -> None:
        self._database.execute("UPDATE carried SET mime = ? WHERE path = ?", (mime, path))

    def entries(self) -> Iterator[Entry]:
        """As entries of a manifest; their bytes are stored already, so that they have no file."""
        for row in self._database.execute("SELECT path, size, sha256, sha512 FROM carried ORDER BY path"):
            yield Entry(LogicalPath(row[0]), "", row[1], row[2], row[3])

    def get(self, path: str) -> CarriedFile | None:
        query = (
            "SELECT puid, format_name, original_name, mime, coalesce(sums, '') FROM carried LEFT JOIN carried_inside USING (path)"
            " WHERE path = ?"
        )
        row = self._database.execute(query, (path,)).fetchone()
        if row is None:
            return None
        return CarriedFile(Puid(row[0]), row[1], row[2].decode("utf-8", "surrogateescape"), row[3], row[4])

    def spoken_of(self, path: str) -> None:
        """The PREMIS of the version before describes this file."""
        self._database.execute("UPDATE carried SET spoken = 1 WHERE path = ?", (path,))

    def was_spoken_of(self, path: str) -> bool:
        return self._database.execute("SELECT 1 FROM carried WHERE path = ? AND spoken = 1", (path,)).fetchone() is not None

    def derive(self, stored: str, source: str, tool: str, told: Told = ()) -> None:
        """``stored`` was made from ``source`` with ``tool``; ``told`` is what is to be said of that."""
        self._database.execute("INSERT OR REPLACE INTO derived VALUES (?,?,?)", (stored, source, tool))
        self._database.execute("INSERT OR REPLACE INTO derived_told VALUES (?,?)", (stored, json.dumps(told)))

    def derivation(self, stored: str) -> tuple[str, str]:
        """(source, tool) of a file that was made; ("", "") of any other."""
        row = self._database.execute("SELECT source, tool FROM derived WHERE stored = ?", (stored,)).fetchone()
        return ("", "") if row is None else (row[0], row[1])

    def told(self, stored: str) -> Told:
        """What `derive` was given to be said of a file."""
        row = self._database.execute("SELECT told FROM derived_told WHERE stored = ?", (stored,)).fetchone()
        return () if row is None else tuple((name, value) for name, value in json.loads(row[0]))

    def rename(self, path: str, known: KnownFormat) -> None:
        """The file at ``path`` is of another format than the version before says."""
        row = (path, known.puid, known.name, known.version, known.mime, json.dumps(known.notes, ensure_ascii=False))
        self._database.execute("INSERT OR REPLACE INTO renamed VALUES (?,?,?,?,?,?)", row)
        self._database.execute("INSERT OR REPLACE INTO renamed_inside VALUES (?,?)", (path, known.inside))

    def apply_renamed(self) -> None:
        """Let what is carried over be of the formats that `rename` gave."""
        self._database.execute(
            "UPDATE carried SET puid = r.puid, format_name = r.name, mime = r.mime FROM renamed r WHERE r.path = carried.path"
        )
        self._database.execute("DELETE FROM carried_inside WHERE path IN (SELECT path FROM renamed)")
        self._database.execute("INSERT INTO carried_inside SELECT path, sums FROM renamed_inside WHERE sums <> ''")

    def renamed(self, path: str) -> KnownFormat | None:
        """What `rename` gave for a file; None for any other."""
        query = (
            "SELECT puid, name, version, mime, notes, coalesce(sums, '') FROM renamed LEFT JOIN renamed_inside USING (path)"
            " WHERE path = ?"
        )
        row = self._database.execute(query, (path,)).fetchone()
        return None if row is None else KnownFormat(Puid(row[0]), row[1], row[2], row[3], tuple(json.loads(row[4])), row[5])

    def renamed_below(self) -> frozenset[str]:
        """The representations that hold a file of another format; an AIP has few."""
        rows = self._database.execute("SELECT DISTINCT substr(path, 17, instr(substr(path, 17), '/') - 1) FROM renamed")
        return frozenset(name for (name,) in rows)
