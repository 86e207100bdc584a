"""Spool: one received package, unpacked and hashed: an SQLite file with a row an item, and the bytes under ASCII names.

Nothing here grows with the number of items but the disk. The spool can always be made again from the deposit, so nothing is
synced; `complete` says whether reading came to its end.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal

from fixity import CouldNotRead, Digest, hash_file
from fixity.tables import Database
from formats.errors import NameTaken, spool_error
from formats.package.copying import CHUNK, copy_stream
from formats.package.names import shown_name
from formats.package.source import Item, Kind, Role, Spooled
from formats.package.spool_database import PAGE, SCHEMA, SpoolDatabase
from policies.phrases import os_phrase

__all__ = ["Order", "Spool"]

KNOWN_FOLDERS: Final = 10_000
"""Folders remembered in memory as present, to spare a look-up a file."""

ASKED: Final = 500
"""Digests looked up at a time: SQLite takes 999 parameters wherever it was built."""

READ_AGAIN: Final = 16 << 20
"""Bytes of a deposit of few items up to which it is sooner read again than remembered as complete."""

FAN_OUT: Final = 1_000
"""Files in one folder of the spool."""

Order = Literal["name", "sha512", "stored"]

_EXTENSION = re.compile(rb"\.[A-Za-z0-9]{1,16}\Z")
# "0000999.pdf", "0001/0001000.pdf": seven digits after the slash, if there is one (instr gives 0 where there is none).
_TOTALS = (
    "SELECT coalesce(sum(kind='file'), 0), coalesce(sum(size), 0), count(*),"
    " max(CAST(substr(file, instr(file, '/') + 1, 7) AS INTEGER)) FROM item"
)
_COLUMNS = "name, kind, size, modified, file, sha256, sha512, stored, role"
_FROM_ALIAS = (
    "SELECT i.name, i.kind, i.size, i.modified, i.file, i.sha256, i.sha512, a.stored AS stored, a.role, 1"
    " FROM alias a CROSS JOIN item i ON i.name = a.name"
)


class Spool:
    """A package that was received (a `Source`), writable until it is complete.

    Any method may raise `SpoolFull` or `SpoolFailed`: the disk of the spool does not take or give what it should.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = os.path.join(folder, "files")
        try:
            os.makedirs(self._files, exist_ok=True)
        except OSError as error:
            raise spool_error(error, str(folder)) from error
        self._database = SpoolDatabase(folder / "spool.db")
        self._pool: ThreadPoolExecutor | None = None
        self._folders: set[bytes] = set()
        self._made = ""
        self._kept: _Few | None = None
        row = self._database.run(_TOTALS).fetchone()
        self._next = 1 + int(row[3] or 0)
        self.files, self.bytes, self.count = int(row[0]), int(row[1]), int(row[2])
        """Number of files, bytes in them, number of items (folders too)."""

    @property
    def database(self) -> Database:
        """For others who keep tables of this deposit beside ours (`fixity.manifest`)."""
        return self._database.connection

    def begin(self) -> None:
        """Start a transaction, or go on in the one that is open: for those who write many rows into tables of their own."""
        self._database.begin()

    def end(self) -> None:
        """End the transaction; what was written need not outlive this process yet."""
        self._database.end()

    def commit(self) -> None:
        """Make everything so far outlive this process."""
        self._database.commit()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._database.close()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # --- what is said of the whole ---

    def meta(self, key: str) -> bytes | None:
        """One remembered fact about the deposit; see `set_meta`."""
        return self._database.meta(key)

    def set_meta(self, key: str, value: bytes) -> None:
        """Remember a fact. Kho's keys: label, container ("folder", "zip", "tar", "tar.gz"), top, top_modified, complete."""
        self._database.set_meta(key, value)

    @property
    def label(self) -> str:
        """The name of what was deposited: its top folder's, else the archive's (see `Source.label`)."""
        return (self.meta("label") or b"").decode()

    @label.setter
    def label(self, value: str) -> None:
        self.set_meta("label", value.encode("utf-8", "backslashreplace"))

    @property
    def complete(self) -> bool:
        """Whether the package was read to its end (with or without findings)."""
        return self.meta("complete") is not None

    def finish(self) -> None:
        """Everything that could be read is here. What is small need not outlive this process yet: reading it again, should the process be
        killed before the next `commit`, takes no longer than that."""
        self.set_meta("complete", b"1")
        if self._database.held and self.bytes <= READ_AGAIN:
            self.end()
        else:
            self.commit()

    def fingerprint(self) -> str:
        """SHA-256, hexadecimal, over names, kinds and SHA-512 in order of names: equal for equal packages, however they came."""
        digest = hashlib.sha256(b"kho package 1\n")
        for page in self._database.pages("SELECT name, kind, sha512 FROM item WHERE name > ? ORDER BY name LIMIT ?"):
            for name, kind, sha512 in page:
                digest.update(len(name).to_bytes(8, "big") + name + (b"F" + sha512 if kind == "file" else b"D"))
        return digest.hexdigest()

    # --- writing ---

    def _is_free(self, name: bytes, kind: Kind) -> bool:
        """Whether ``name`` is new; False for a folder that is there. Raises NameTaken when something is in its way."""
        row = self._database.run("SELECT kind FROM item WHERE name = ?", (name,)).fetchone()
        if row is None:
            return True
        if kind is Kind.FOLDER and row[0] == "folder":
            return False
        raise NameTaken("PKG-DUPLICATE" if row[0] == kind.value else "PKG-FILE-AND-FOLDER", shown_name(name))

    def _add_parents(self, name: bytes) -> None:
        folder = name.rpartition(b"/")[0]
        if folder and folder not in self._folders:
            self.add_folder(folder)

    def _insert(self, row: tuple[Any, ...]) -> None:
        self._kept = None
        self._database.write(f"INSERT INTO item ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,NULL,NULL)", row)
        self.count += 1
        self._database.grown(self.count)

    def add_folder(self, name: bytes, modified: int | None = None) -> None:
        """Add a folder and the folders it lies in; one that is there already only learns its time.

        Raises:
            NameTaken: a file is there.
        """
        if self._is_free(name, Kind.FOLDER):
            self._add_parents(name)
            self._insert((name, "folder", 0, modified, "", None, None))
        elif modified is not None:
            self._kept = None
            self._database.write("UPDATE item SET modified = ? WHERE name = ?", (modified, name))
        if len(self._folders) >= KNOWN_FOLDERS:
            self._folders.clear()
        self._folders.add(name)

    def add_file(self, name: bytes, stream: BinaryIO, modified: int | None = None, *, size: int = CHUNK) -> Spooled:
        """Copy and hash what is left in ``stream`` as the file ``name``; its folders are added. ``size`` is a guess, for speed.

        No half file stays behind when this raises. What ``stream.read`` raises besides OSError comes through.

        Raises:
            NameTaken: the name, or a folder of it, is there already as something else; the stream was not touched.
            CouldNotRead: the stream raised OSError.
        """
        self._is_free(name, Kind.FILE)
        self._add_parents(name)
        file = self._place(name)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(2, "hash")
        copied = copy_stream(stream, os.path.join(self._files, file), self._pool, name=shown_name(name), expected=size)
        self._next += 1
        self._insert((name, "file", copied.size, modified, file, copied.sha256, copied.sha512))
        self.files += 1
        self.bytes += copied.size
        return Spooled(Item(name, Kind.FILE, copied.size, modified), file, copied.sha256, copied.sha512)

    def _place(self, name: bytes) -> str:
        """The name in the spool: a number, and the extension, by which identification tools go."""
        match = _EXTENSION.search(name)
        file = f"{self._next:07d}{match[0].decode() if match else ''}"
        if self._next < FAN_OUT:
            return file
        folder = f"{self._next // FAN_OUT:04d}"
        if folder != self._made:
            try:
                os.makedirs(os.path.join(self._files, folder), exist_ok=True)
            except OSError as error:
                raise spool_error(error, self._files) from error
            self._made = folder
        return f"{folder}/{file}"

    def only_top(self) -> bytes | None:
        """The folder that everything else lies in, if there is one (and something in it)."""
        rows = self._database.run("SELECT name, kind FROM item WHERE instr(name, x'2f') = 0 LIMIT 2").fetchall()
        return rows[0][0] if len(rows) == 1 and rows[0][1] == "folder" and self.count > 1 else None

    def unwrap(self, top: bytes) -> None:
        """Take the folder ``top`` away from the front of every name; it must hold everything there is. Linear in items."""
        self.end()
        self._kept = None
        self._folders.clear()
        modified = self._database.run("SELECT modified FROM item WHERE name = ?", (top,)).fetchone()[0]
        for statement in (
            "BEGIN",
            "ALTER TABLE item RENAME TO wrapped",
            "DROP INDEX item_stored",
            "DROP INDEX item_file",
            *SCHEMA[:3],
        ):
            self._database.run(statement)
        # substr of a BLOB counts bytes, from 1; the folder itself is the only name that is not longer than its own.
        rest = _COLUMNS.removeprefix("name")
        query = f"INSERT INTO item SELECT substr(name, ?){rest} FROM wrapped WHERE name > ? ORDER BY name"
        self._database.run(query, (len(top) + 2, top))
        self._database.run("DROP TABLE wrapped")
        self.count -= 1
        self.set_meta("top", top)
        if modified is not None:
            self.set_meta("top_modified", str(modified).encode())
        self.end()

    def arrange(self, rows: Iterable[tuple[bytes, str, Role]]) -> None:
        """Give items (name, stored, role) their places in the AIP, in bulk; before any `alias`.

        Raises:
            NameTaken: two items were given one place (PKG-STORED-TWICE).
        """
        values = ((stored, role.value, name) for name, stored, role in rows)
        try:
            self._database.write_many("UPDATE item SET stored = ?, role = ? WHERE name = ?", values)
        finally:
            self._kept = None

    def alias(self, name: bytes, stored: str, role: Role) -> None:
        """Give the bytes of a file one more place in the AIP.

        Raises:
            NameTaken: the place is taken.
        """
        if self.is_stored(stored):
            raise NameTaken("PKG-STORED-TWICE", stored)
        self._kept = None
        self._database.write("INSERT INTO alias VALUES (?,?,?)", (stored, name, role.value))

    def is_stored(self, stored: str) -> bool:
        """Whether a place in the AIP is taken."""
        query = "SELECT 1 FROM item WHERE stored = ? UNION ALL SELECT 1 FROM alias WHERE stored = ?"
        return self._database.run(query, (stored, stored)).fetchone() is not None

    def clear_arrangement(self) -> None:
        """Take all places back, so that the package can be arranged anew."""
        if (few := self._few()) is not None and not few.sorted("stored"):
            return  # nothing has a place as yet
        self._kept = None
        self._database.write("UPDATE item SET stored = NULL, role = NULL WHERE stored IS NOT NULL")
        self._database.write("DELETE FROM alias")
        self.end()

    # --- reading ---

    def _few(self) -> _Few | None:
        """What is known of all items where they are few, read once for as long as nothing of it changes: a dozen steps ask for it. None
        where they are many."""
        if self._kept is None and self._database.held:
            self._kept = _Few(list(self._by_name()))
        return self._kept

    def items(self) -> Iterator[Item]:
        if (few := self._few()) is not None:
            yield from (each.item for each in few.by_name.values())
            return
        for page in self._database.pages("SELECT name, kind, size, modified FROM item WHERE name > ? ORDER BY name LIMIT ?"):
            for name, kind, size, modified in page:
                yield Item(name, Kind(kind), size, modified)

    def find(self, name: bytes) -> Spooled | None:
        """Everything known about one item."""
        if self._kept is not None:
            return self._kept.by_name.get(name)
        row = self._database.run(f"SELECT {_COLUMNS}, 0 FROM item WHERE name = ?", (name,)).fetchone()
        return None if row is None else _spooled(row)

    def of_file(self, file: str) -> Item | None:
        """The item, as it was received, that has ``file`` of the spool."""
        if (few := self._few()) is not None:
            found = few.by_file.get(file)
            return None if found is None else found.item
        row = self._database.run("SELECT name, kind, size, modified FROM item WHERE file = ?", (file,)).fetchone()
        return None if row is None else Item(row[0], Kind(row[1]), row[2], row[3])

    def get(self, name: bytes) -> Item | None:
        found = self.find(name)
        return None if found is None else found.item

    def path(self, spooled: Spooled) -> Path:
        """Where the bytes of a file lie."""
        return Path(self._files, spooled.file)

    def stream(self, spooled: Spooled) -> BinaryIO:
        """The bytes of a file, to be closed. OSError as it is."""
        return open(os.path.join(self._files, spooled.file), "rb")

    def _file(self, name: bytes) -> Spooled:
        found = self.find(name)
        if found is None or found.item.kind is not Kind.FILE:
            raise KeyError(name)
        return found

    def open(self, name: bytes) -> BinaryIO:
        file = self._file(name)
        try:
            return self.stream(file)
        except OSError as error:
            raise CouldNotRead(shown_name(name), os_phrase(error)) from error

    def digest(self, name: bytes, algorithm: str) -> Digest:
        file = self._file(name)
        if algorithm in ("sha256", "sha512"):
            return Digest(algorithm, file.sha256 if algorithm == "sha256" else file.sha512)
        try:
            return hash_file(self.path(file), (algorithm,))[1][algorithm]
        except OSError as error:
            raise CouldNotRead(shown_name(name), os_phrase(error)) from error

    def spooled(self, order: Order = "name") -> Iterator[Spooled]:
        """Items and their aliases, each alias as an item of its own with the same bytes.

        "name": all items in order of names, aliases after their item. "sha512": files only, by digest. "stored": only what was
        arranged, by logical path (as UTF-8 bytes).
        """
        if (few := self._few()) is not None:
            return iter(few.sorted(order))
        return {"name": self._by_name, "sha512": self._by_digest, "stored": self._by_stored}[order]()

    def _by_name(self) -> Iterator[Spooled]:
        query = f"SELECT {_COLUMNS}, 0 FROM item WHERE name > ? ORDER BY name LIMIT ?"
        return self._with_aliases(self._database.pages(query))

    def _with_aliases(self, pages: Iterable[list[tuple[Any, ...]]]) -> Iterator[Spooled]:
        for page in pages:
            aliases = self._aliases([row[0] for row in page])
            for row in page:
                yield _spooled(row)
                yield from map(_spooled, aliases.get(row[0], ()))

    def _by_digest(self) -> Iterator[Spooled]:
        if self.count > PAGE:  # one page is sorted faster than an index is made
            self._database.run("CREATE INDEX IF NOT EXISTS item_sha512 ON item (sha512, name) WHERE sha512 IS NOT NULL")
        query = (
            f"SELECT {_COLUMNS}, 0 FROM item WHERE sha512 IS NOT NULL AND (sha512, name) > (?, ?) ORDER BY sha512, name LIMIT ?"
        )
        return self._with_aliases(self._database.pages(query, (b"", b""), (6, 0)))

    def holding(self, algorithm: str, digests: Collection[bytes]) -> Iterator[Spooled]:
        """The files that have one of ``digests``; none in an algorithm other than SHA-256 and SHA-512, which alone are known."""
        if algorithm not in ("sha256", "sha512"):
            return
        if self.count > PAGE:
            self._database.run(f"CREATE INDEX IF NOT EXISTS held_{algorithm} ON item ({algorithm}) WHERE {algorithm} IS NOT NULL")
        wanted = iter(digests)
        while page := tuple(islice(wanted, ASKED)):
            query = f"SELECT {_COLUMNS}, 0 FROM item WHERE {algorithm} IN ({','.join('?' * len(page))})"
            yield from map(_spooled, self._database.run(query, page).fetchall())

    def _by_stored(self) -> Iterator[Spooled]:
        items = f"SELECT * FROM (SELECT {_COLUMNS}, 0 FROM item WHERE stored > ? ORDER BY stored LIMIT {PAGE})"
        aliases = f"SELECT * FROM ({_FROM_ALIAS} WHERE a.stored > ? ORDER BY a.stored LIMIT {PAGE})"
        for page in self._database.pages(f"{items} UNION ALL {aliases} ORDER BY stored LIMIT ?", ("", ""), (7, 7)):
            yield from map(_spooled, page)

    def _aliases(self, names: list[bytes]) -> dict[bytes, list[tuple[Any, ...]]]:
        found: dict[bytes, list[tuple[Any, ...]]] = {}
        if not self._database.run("SELECT EXISTS (SELECT 1 FROM alias)").fetchone()[0]:
            return found
        query = f"{_FROM_ALIAS} WHERE a.name IN ({','.join('?' * len(names))}) ORDER BY a.stored"
        for row in self._database.run(query, tuple(names)):
            found.setdefault(row[0], []).append(row)
        return found


class _Few:
    """Few items, in order of their names, each before its aliases."""

    def __init__(self, spooled: list[Spooled]) -> None:
        self._spooled = spooled
        self.by_name = {each.item.name: each for each in spooled if not each.alias}
        self.by_file = {each.file: each for each in self.by_name.values() if each.file}

    def sorted(self, order: Order) -> list[Spooled]:
        """As `Spool.spooled`."""
        if order == "name":
            return self._spooled
        if order == "sha512":
            return sorted((each for each in self._spooled if each.sha512), key=attrgetter("sha512"))
        return sorted((each for each in self._spooled if each.stored), key=lambda each: each.stored.encode())


def _spooled(row: tuple[Any, ...]) -> Spooled:
    name, kind, size, modified, file, sha256, sha512, stored, role, alias = row
    why = Role.CONTENT if role is None else Role(role)
    return Spooled(Item(name, Kind(kind), size, modified), file, sha256 or b"", sha512 or b"", stored or "", why, bool(alias))
