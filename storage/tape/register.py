"""The register of a tape tier: its volumes, and what lies where on them. An index: every row can be read again from the cartridges
(`storage.tape.recovery`); what only people know (where a cartridge stands, when it was made) is the exception, and is kept here.

One SQLite file in the tier's folder. Rows of bundles are entered when these were read back from the tape, and not before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from policies.phrases import phrase
from storage.errors import Unavailable
from storage.tape.errors import NoCartridge
from storage.tape.rows import BundleRow, FileRow, FileState, PartRow, Volume, VolumeState

__all__ = ["Register"]

SCHEMA = 1

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE volumes (
    barcode TEXT PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, state TEXT NOT NULL, sequence INTEGER NOT NULL, used INTEGER NOT NULL,
    capacity INTEGER NOT NULL, labelled TEXT NOT NULL, made TEXT NOT NULL, rated_years INTEGER NOT NULL, location TEXT NOT NULL,
    mounts INTEGER NOT NULL, note TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE bundles (
    volume TEXT NOT NULL, sequence INTEGER NOT NULL, number INTEGER NOT NULL, uuid TEXT NOT NULL, kind TEXT NOT NULL,
    counted INTEGER NOT NULL, size INTEGER NOT NULL, blocks INTEGER NOT NULL, sha256 BLOB NOT NULL, created TEXT NOT NULL,
    block INTEGER NOT NULL, address INTEGER,
    PRIMARY KEY (volume, sequence)
) WITHOUT ROWID;
CREATE INDEX bundles_by_number ON bundles (number);
CREATE TABLE parts (
    id INTEGER PRIMARY KEY, volume TEXT NOT NULL, sequence INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    object_id TEXT NOT NULL, version INTEGER NOT NULL, part INTEGER NOT NULL, parts INTEGER NOT NULL, run TEXT NOT NULL,
    inventory BLOB NOT NULL, kind TEXT NOT NULL, whole INTEGER NOT NULL,
    disposed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX parts_by_object ON parts (object_id);
CREATE INDEX parts_by_place ON parts (volume, sequence, offset);
CREATE TABLE files (
    part INTEGER NOT NULL, offset INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, sha512 BLOB NOT NULL,
    state INTEGER NOT NULL,
    PRIMARY KEY (part, offset)
) WITHOUT ROWID;
CREATE INDEX files_by_path ON files (part, path);
CREATE TABLE disposed (object_id TEXT PRIMARY KEY, time TEXT NOT NULL) WITHOUT ROWID;
"""


LAST_PART = "last part"
"""The highest id of a part that was dropped, in the table of single facts."""

_PARTS = "id, volume, sequence, offset, length, object_id, version, part, parts, run, inventory, kind, whole"


class Register:
    """The register in ``file``. Made by `create`. Not for several threads at once: its tier sees to that."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise Unavailable(str(file), phrase("tape-no-register"))
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=60)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if self.meta("schema") != str(SCHEMA):
            raise Unavailable(str(file), phrase("tape-register-schema", found=f"{self.meta('schema')!r}", known=SCHEMA))

    @classmethod
    def create(cls, file: Path) -> Register:
        """An empty register. Raises OSError, sqlite3.Error when a file is there."""
        with open(file, "xb"):
            pass
        db = sqlite3.connect(file)
        with db:
            db.executescript(_TABLES)
            db.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
        db.close()
        return cls(file)

    def close(self) -> None:
        self._db.close()

    def meta(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def too_large(self, generation: str) -> int:
        """Bytes that no empty volume of a generation could take in one piece; 0: that was not seen yet."""
        return int(self.meta(f"too large {generation}") or 0)

    def was_too_large(self, generation: str, size: int) -> None:
        """An empty volume could not take a piece of ``size``."""
        least = min(size, self.too_large(generation) or size)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"too large {generation}", str(least)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable at the end."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- volumes ----------------------------------------------------------------------------------------------------------

    def volumes(self) -> list[Volume]:
        """All volumes, by barcode."""
        rows = self._db.execute("SELECT * FROM volumes ORDER BY barcode")
        return [_volume(row) for row in rows]

    def volume(self, barcode: str) -> Volume:
        """Raises NoCartridge."""
        row = self._db.execute("SELECT * FROM volumes WHERE barcode = ?", (barcode,)).fetchone()
        if row is None:
            raise NoCartridge(barcode, phrase("tape-not-ours"))
        return _volume(row)

    def put_volume(self, volume: Volume) -> None:
        """Enter or change a volume."""
        values = [getattr(volume, name) for name in Volume.__slots__]
        values[2] = volume.state.value
        self._db.execute(f"INSERT OR REPLACE INTO volumes VALUES ({','.join('?' * len(values))})", values)

    def change_volume(self, barcode: str, **changes: str | int | VolumeState) -> Volume:
        """Change some fields of a volume."""
        changed = replace(self.volume(barcode), **changes)  # type: ignore[arg-type]
        self.put_volume(changed)
        return changed

    # --- bundles ----------------------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        row = self._db.execute("SELECT max(number) FROM bundles").fetchone()
        return int(row[0] or 0) + 1

    def add_bundle(self, bundle: BundleRow) -> None:
        values = [getattr(bundle, name) for name in BundleRow.__slots__]
        self._db.execute(f"INSERT OR REPLACE INTO bundles VALUES ({','.join('?' * len(values))})", values)

    def bundles(self, volume: str) -> list[BundleRow]:
        """The tape files of a volume, in order."""
        rows = self._db.execute("SELECT * FROM bundles WHERE volume = ? ORDER BY sequence", (volume,))
        return [_bundle(row) for row in rows]

    def bundle(self, volume: str, sequence: int) -> BundleRow:
        """Raises KeyError."""
        row = self._db.execute("SELECT * FROM bundles WHERE volume = ? AND sequence = ?", (volume, sequence)).fetchone()
        if row is None:
            raise KeyError(sequence)
        return _bundle(row)

    # --- parts and files --------------------------------------------------------------------------------------------------

    def add_part(self, part: PartRow) -> int:
        """Enter a part (its id is given); returns the id, which no other part ever had: what is known of a part by its id (that it was
        just read back) must not be believed of another."""
        (last,) = self._db.execute("SELECT max(id) FROM parts").fetchone()
        values = [max(last or 0, int(self.meta(LAST_PART) or 0)) + 1, *(getattr(part, name) for name in PartRow.__slots__[1:])]
        self._db.execute(f"INSERT INTO parts ({_PARTS}) VALUES ({','.join('?' * len(values))})", values)
        return int(values[0])

    def stage_files(self, key: int, files: Iterable[tuple[int, str, int, bytes]]) -> None:
        """Put members (offset, path, size, sha512) of a part aside until it is known that they are on the tape; on disk: there may be
        a million."""
        self._db.execute(
            "CREATE TEMP TABLE IF NOT EXISTS staged (key INTEGER, offset INTEGER, path TEXT, size INTEGER, sha512 BLOB)"
        )
        self._db.executemany(f"INSERT INTO staged VALUES ({key},?,?,?,?)", files)

    def unstage(self, key: int) -> None:
        """Forget what was staged under ``key``."""
        self.stage_files(key, ())
        self._db.execute("DELETE FROM staged WHERE key = ?", (key,))

    def enter_staged(self, key: int, part: int) -> None:
        """Enter what was staged under ``key`` as members of a part."""
        self._db.execute("INSERT INTO files SELECT ?, offset, path, size, sha512, 0 FROM staged WHERE key = ?", (part, key))

    def add_files(self, files: Iterable[FileRow]) -> None:
        rows = ((each.part, each.offset, each.path, each.size, each.sha512, int(each.state)) for each in files)
        self._db.executemany("INSERT INTO files VALUES (?,?,?,?,?,?)", rows)

    def drop_content(self, volume: str) -> None:
        """Forget what lies on a volume: it is about to be read anew."""
        (last,) = self._db.execute("SELECT max(id) FROM parts").fetchone()
        if last and last > int(self.meta(LAST_PART) or 0):
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (LAST_PART, str(last)))
        self._db.execute("DELETE FROM files WHERE part IN (SELECT id FROM parts WHERE volume = ?)", (volume,))
        self._db.execute("DELETE FROM parts WHERE volume = ?", (volume,))
        self._db.execute("DELETE FROM bundles WHERE volume = ?", (volume,))

    def parts_on(self, volume: str, sequence: int | None = None) -> list[PartRow]:
        """Parts on a volume (of one bundle), in their order on it."""
        only = "" if sequence is None else "AND sequence = :sequence"
        rows = self._db.execute(
            f"SELECT {_PARTS} FROM parts WHERE volume = :volume {only} ORDER BY sequence, offset",
            {"volume": volume, "sequence": sequence},
        )
        return [_part(row) for row in rows]

    def parts_of(self, object_id: str) -> list[PartRow]:
        """The whole parts of an object in the order of their bundles' numbers; none when it was disposed of. Of one bundle (a copy has the
        number of what it was copied from, and may lie nearer to the beginning) in the order in which they were entered, which is that in
        which they lie: a copy comes behind, and counts."""
        names = ", ".join(f"p.{name}" for name in _PARTS.split(", "))
        rows = self._db.execute(
            f"SELECT {names} FROM parts p JOIN bundles b USING (volume, sequence) JOIN volumes v ON v.barcode = p.volume "
            "WHERE p.object_id = ? AND p.whole = 1 AND b.counted = 1 AND v.state NOT IN ('lost', 'retired') "
            "ORDER BY b.number, p.id",
            (object_id,),
        )
        return [_part(row) for row in rows]

    def volumes_of(self, object_id: str) -> dict[str, str]:
        """The volumes on which something of an object counts, each with its location."""
        rows = self._db.execute(
            "SELECT DISTINCT v.barcode, v.location FROM parts p JOIN bundles b USING (volume, sequence) JOIN volumes v "
            "ON v.barcode = p.volume WHERE p.object_id = ? AND p.whole = 1 AND b.counted = 1 "
            "AND v.state NOT IN ('lost', 'retired') AND EXISTS (SELECT 1 FROM files f WHERE f.part = p.id AND f.state = 0) "
            "ORDER BY v.barcode",
            (object_id,),
        )
        return dict(rows)

    def files_of(self, part: int) -> Iterator[FileRow]:
        """The members of a part, in their order."""
        for row in self._db.execute("SELECT * FROM files WHERE part = ? ORDER BY offset", (part,)):
            yield _file(row)

    def member(self, part: int, offset: int) -> tuple[PartRow, FileRow] | None:
        """One member of a part, wherever it is called by that; None when there is none any more."""
        of = self._db.execute(f"SELECT {_PARTS} FROM parts WHERE id = ?", (part,)).fetchone()
        row = self._db.execute("SELECT * FROM files WHERE part = ? AND offset = ?", (part, offset)).fetchone()
        return (_part(of), _file(row)) if of and row else None

    def find_file(self, object_id: str, path: str) -> tuple[PartRow, FileRow] | None:
        """The live copy of one path of an object."""
        for part in reversed(self.parts_of(object_id)):
            row = self._db.execute(
                "SELECT * FROM files WHERE part = ? AND path = ? AND state = 0 ORDER BY offset DESC LIMIT 1", (part.id, path)
            ).fetchone()
            if row is not None:
                return part, _file(row)
        return None

    def settle(self, object_id: str) -> None:
        """Say again which parts are whole and which files are superseded, from what is there: after parts were entered or dropped."""
        self._db.execute(
            "UPDATE parts SET whole = (SELECT count(DISTINCT q.part) FROM parts q JOIN bundles b USING (volume, sequence) "
            "JOIN volumes v ON v.barcode = q.volume WHERE q.object_id = parts.object_id AND q.version = parts.version "
            "AND q.run = parts.run AND q.disposed = 0 AND b.counted = 1 AND v.state NOT IN ('lost', 'retired')) = parts.parts "
            "WHERE object_id = ? AND disposed = 0",
            (object_id,),
        )
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS ordered (part INTEGER PRIMARY KEY, rank INTEGER)")
        self._db.execute("DELETE FROM ordered")
        ranks = [(part.id, rank) for rank, part in enumerate(self.parts_of(object_id))]
        self._db.executemany("INSERT INTO ordered VALUES (?, ?)", ranks)
        self._db.execute("UPDATE files SET state = 0 WHERE state = 1 AND part IN (SELECT part FROM ordered)")
        self._db.execute(
            "UPDATE files SET state = 1 WHERE state = 0 AND part IN (SELECT part FROM ordered) AND EXISTS ("
            "SELECT 1 FROM ordered o CROSS JOIN files f ON f.part = o.part AND f.path = files.path "
            "WHERE o.rank > (SELECT rank FROM ordered m WHERE m.part = files.part))"
        )

    def set_aside(self, part: int, offset: int) -> None:
        self._db.execute("UPDATE files SET state = 2 WHERE part = ? AND offset = ?", (part, offset))

    def objects(self) -> Iterator[str]:
        """Ids of objects with something whole, not disposed of."""
        rows: Sequence[tuple[str]] = self._db.execute(
            "SELECT DISTINCT object_id FROM parts WHERE whole = 1 ORDER BY object_id"
        ).fetchall()
        for row in rows:
            if self.parts_of(row[0]):
                yield row[0]

    def objects_on(self, volume: str) -> list[str]:
        """Ids of objects with a whole part on a volume, in the order of their first one there."""
        rows = self._db.execute(
            "SELECT object_id FROM parts WHERE volume = ? AND whole = 1 GROUP BY object_id ORDER BY min(sequence), min(offset)",
            (volume,),
        )
        return [row[0] for row in rows]

    def files_on(self, volume: str) -> Iterator[tuple[str, str, bytes]]:
        """(object, path, SHA-512) of everything that counts on a volume, object by object."""
        yield from self._db.execute(
            "SELECT p.object_id, f.path, f.sha512 FROM parts p JOIN files f ON f.part = p.id "
            "WHERE p.volume = ? AND p.whole = 1 AND f.state = 0 ORDER BY p.object_id, f.path",
            (volume,),
        )

    def copied_from(self, volume: str, after: int) -> tuple[list[str], int] | None:
        """Objects with a whole part in the next bundle that was copied from a tape file of ``volume`` behind ``after``, and that tape file;
        None when there is none. A copy has the number of its bundle."""
        row = self._db.execute(
            "SELECT min(o.sequence) FROM bundles o JOIN bundles n ON n.number = o.number AND n.volume != o.volume AND n.counted = 1 "
            "WHERE o.volume = ? AND o.sequence > ? AND o.kind = 'B'",
            (volume, after),
        ).fetchone()
        if row[0] is None:
            return None
        rows = self._db.execute(
            "SELECT p.object_id FROM bundles o JOIN bundles n ON n.number = o.number AND n.volume != o.volume AND n.counted = 1 "
            "JOIN parts p ON p.volume = n.volume AND p.sequence = n.sequence WHERE o.volume = ? AND o.sequence = ? AND p.whole = 1 "
            "GROUP BY p.object_id ORDER BY min(p.offset)",
            (volume, row[0]),
        )
        return [each[0] for each in rows], int(row[0])

    # --- disposal ---------------------------------------------------------------------------------------------------------

    def dispose(self, object_id: str, time: str) -> None:
        """An object is gone, though a cartridge keeps its bytes. What is written of it later is a new beginning."""
        self._db.execute("INSERT OR REPLACE INTO disposed VALUES (?, ?)", (object_id, time))
        self._db.execute("UPDATE parts SET disposed = 1, whole = 0 WHERE object_id = ?", (object_id,))

    def dispose_again(self, volume: str) -> None:
        """After a volume was read anew: what was written on it before its object was disposed of is disposed of."""
        self._db.execute(
            "UPDATE parts SET disposed = 1, whole = 0 WHERE volume = ? AND EXISTS (SELECT 1 FROM disposed d JOIN bundles b "
            "ON b.volume = parts.volume AND b.sequence = parts.sequence WHERE d.object_id = parts.object_id AND b.created <= d.time)",
            (volume,),
        )

    def settle_all(self, volume: str) -> None:
        """`settle` everything that has a part on a volume."""
        for (object_id,) in self._db.execute("SELECT DISTINCT object_id FROM parts WHERE volume = ?", (volume,)).fetchall():
            self.settle(object_id)

    def live_parts(self, volume: str, sequence: int) -> list[PartRow]:
        """Parts of a bundle of which something still counts."""
        return [
            part
            for part in self.parts_on(volume, sequence)
            if part.whole
            and self._db.execute("SELECT 1 FROM files WHERE part = ? AND state = 0 LIMIT 1", (part.id,)).fetchone() is not None
        ]

    def disposed(self) -> dict[str, list[str]]:
        """Object id → volumes that still hold what was disposed of."""
        found: dict[str, list[str]] = {}
        rows = self._db.execute(
            "SELECT DISTINCT object_id, volume FROM parts JOIN volumes ON barcode = volume "
            "WHERE disposed = 1 AND state != 'lost' ORDER BY 1, 2"
        )
        for object_id, volume in rows:
            found.setdefault(object_id, []).append(volume)
        return found


def _volume(row: Sequence[object]) -> Volume:
    values = list(row)
    values[2] = VolumeState(values[2])
    return Volume(*values)  # type: ignore[arg-type]


def _bundle(row: Sequence[object]) -> BundleRow:
    values = list(row)
    values[5] = bool(values[5])
    return BundleRow(*values)  # type: ignore[arg-type]


def _file(row: Sequence[object]) -> FileRow:
    values = list(row)
    values[-1] = FileState(int(str(values[-1])))
    return FileRow(*values)  # type: ignore[arg-type]


def _part(row: Sequence[object]) -> PartRow:
    values = list(row)
    values[-1] = bool(values[-1])
    return PartRow(*values)  # type: ignore[arg-type]
