"""One version of an AIP as its own records on the tiers tell it: everything the catalog wants to know, without the catalog.

Only an inventory is believed; whatever it vouches for is taken from whichever tier gives exactly those bytes.
"""

from __future__ import annotations

import functools
import hashlib
import io
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from formats.package.source import Kind
from formats.premis import Event, PremisFile, read_events, read_premis
from policies.archive import Policy
from policies.findings import said
from policies.phrases import os_phrase, phrase
from repository.aip.facts import aip_facts, original_name, past_deposit
from repository.aip.references import Reference, read_references
from repository.aip.sealing import EVENTS_PATH, REPRESENTATION_PREMIS
from repository.aip.submission import SUBMISSION_PATH, DepositRecord, ItemRecord, read_submission
from repository.catalog import DERIVED, FileRow, Registration, row_of, size_in
from repository.errors import AipUnreadable
from repository.model import AipVersion, Copy, Deposit, DepositState
from storage.errors import Cold, StorageError, Unavailable
from storage.ocfl.inventory import INVENTORY, Inventory, parse_inventory
from storage.tier import ObjectId, Tier

__all__ = ["Records", "StoredVersion", "inventory_digest", "open_verified"]


ROWS_HELD = 5_000
"""Files of a version up to which they are held in memory while it is entered: some kilobytes each would be gigabytes for a million."""

HELD = 4 << 20
"""Bytes of small files of one AIP that are held while it is read: each is asked for two or three times."""


SMALL = 1 << 16
"""Bytes below which a file is read once, and what was hashed is what is handed out; a larger one is hashed and then read again."""


def open_verified(tiers: Sequence[Tier], object_id: ObjectId, path: str, sha512: bytes) -> tuple[BinaryIO, int]:
    """(a stream, its length) of a stored file from the first tier that holds it unaltered: all of it was read and hashed.

    Raises:
        AipUnreadable: no tier does.
        Unavailable: no tier does, and one of them could not be asked; Cold where one of them has it and it has to be brought first.
    """
    reasons: list[str] = []
    away: Unavailable | None = None
    for tier in tiers:
        try:
            stream = tier.open(object_id, path)
        except Unavailable as error:
            away = away if isinstance(away, Cold) else error
            continue
        except (StorageError, OSError) as error:
            reasons.append(f"{tier.name}: {said(error.finding) if isinstance(error, StorageError) else os_phrase(error)}")
            continue
        try:
            if found := _verified(stream, sha512):
                return found
            reasons.append(f"{tier.name}: {phrase('path-altered', path=path)}")
        except OSError as error:
            reasons.append(f"{tier.name}: {os_phrase(error)}")
        stream.close()
    if away is not None:
        raise away
    raise AipUnreadable(path, "; ".join(reasons))


def _verified(stream: BinaryIO, sha512: bytes) -> tuple[BinaryIO, int] | None:
    """What ``stream`` has, and how much, when it has this digest."""
    data = stream.read(SMALL)
    hasher = hashlib.sha512(data, usedforsecurity=False)
    size = len(data)
    while chunk := stream.read(LARGE_BUFFER if size >= SMALL else SMALL):  # short reads of a tier far away are not its end
        hasher.update(chunk)
        size += len(chunk)
    if hasher.digest() != sha512:
        return None
    if size == len(data) < SMALL:
        stream.close()
        return io.BytesIO(data), size
    stream.seek(0)
    return stream, size


class Records:
    """The files of one object on some ``tiers``, as `open_verified` gives them: a small one is read, and understood, once, and held, up to
    `HELD` bytes of files together. What an inventory vouches for is known by its digest, whoever holds it."""

    def __init__(self, tiers: Sequence[Tier], object_id: ObjectId) -> None:
        self._tiers, self._object_id = tiers, object_id
        self._held: dict[bytes, bytes] = {}
        self._left = HELD
        self._inventories: dict[bytes, Inventory] = {}
        self._submissions: dict[bytes, tuple[DepositRecord, list[ItemRecord]]] = {}
        self._sizes: dict[bytes, int] = {}

    def on(self, tiers: Sequence[Tier]) -> Records:
        """The same from other tiers, with what is held already."""
        other = Records(tiers, self._object_id)
        other._held, other._left = self._held, self._left
        other._inventories, other._submissions, other._sizes = self._inventories, self._submissions, self._sizes
        return other

    def open(self, path: str, sha512: bytes) -> tuple[BinaryIO, int]:
        """(A stream, its length) of a stored file. Raises as `open_verified`."""
        if (data := self._held.get(sha512)) is not None:
            return io.BytesIO(data), len(data)
        stream, size = open_verified(self._tiers, self._object_id, path, sha512)
        if isinstance(stream, io.BytesIO) and size <= self._left:
            self._held[sha512] = stream.getvalue()
            self._left -= size
        return stream, size

    def of(self, inventory: Inventory, number: int, path: str) -> tuple[BinaryIO, int]:
        """(A stream, its length) of what stands under a logical path of a version. Raises as `open_verified`, KeyError."""
        return self.open(inventory.content_of(path, number), inventory.digest_of(path, number))

    def inventory(self, sha512: bytes) -> Inventory:
        """The root inventory with this digest. Raises as `open_verified`, InvalidInventory."""
        if (known := self._inventories.get(sha512)) is not None:
            return known
        stream, _ = self.open(INVENTORY, sha512)
        with stream:
            found = parse_inventory(stream)
        if sha512 in self._held:
            self._inventories[sha512] = found
        return found

    def references(self, inventory: Inventory, number: int, mets: str) -> Iterator[Reference]:
        """What a METS file of a version refers to. Raises as `of`, NotWellFormed, ValueError."""
        stream, _ = self.of(inventory, number, mets)
        small = isinstance(stream, io.BytesIO)
        with stream:
            for each in read_references(stream):
                if small and each.size is not None:
                    self._sizes[each.sha256] = each.size
                yield each

    def size(self, inventory: Inventory, number: int, path: str) -> int:
        """Bytes of what stands under a logical path of a version: as a METS file said that was read, else as they are counted.

        Raises as `of`."""
        known = self._sizes.get(inventory.fixity("sha256").get(inventory.content_of(path, number), b""))
        if known is not None:
            return known
        stream, size = self.of(inventory, number, path)
        stream.close()
        return size

    @contextmanager
    def submission(self, inventory: Inventory, number: int) -> Iterator[tuple[DepositRecord, Iterable[ItemRecord]]]:
        """The submission record of a version; items may be asked for within the context. Raises as `of`, AipUnreadable."""
        sha512 = inventory.digest_of(SUBMISSION_PATH, number)
        if (known := self._submissions.get(sha512)) is not None:
            yield known
            return
        with self.of(inventory, number, SUBMISSION_PATH)[0] as stream:
            deposit, items = read_submission(stream)
            if sha512 in self._held:
                yield self._submissions.setdefault(sha512, (deposit, list(items)))
            else:
                yield deposit, items


def inventory_digest(tiers: Sequence[Tier], inventory: Inventory, number: int) -> bytes:
    """SHA-512 of the inventory of an older version: that which tells the same versions as the newest one does.

    Raises:
        AipUnreadable: no tier has one, or tiers have several.
        Unavailable: no tier has one, and one of them could not be asked.
    """
    found: set[bytes] = set()
    away: Unavailable | None = None
    path = f"v{number}/inventory.json"
    for tier in tiers:
        try:
            with tier.open(inventory.object_id, path) as stream:
                data = stream.read()
            if _tells_the_same(parse_inventory(data), inventory, number):
                found.add(hashlib.sha512(data).digest())
        except Unavailable as error:
            away = error
        except (StorageError, OSError, ValueError):
            continue
    if away is not None and not found:
        raise away
    if len(found) != 1:
        raise AipUnreadable(path, phrase("inventories-differ" if found else "no-fitting-inventory"))
    return found.pop()


def _tells_the_same(old: Inventory, new: Inventory, number: int) -> bool:
    if (old.object_id, old.head, old.versions) != (new.object_id, number, new.versions[:number]):
        return False
    fixity = new.fixity("sha256")
    return all(dict(old.state(each)) == dict(new.state(each)) for each in range(1, number + 1)) and all(
        fixity.get(path) == digest for path, digest in old.fixity("sha256").items()
    )


class _Items:
    """Items by logical path: `ROWS_HELD` of them in memory, more in a private database of SQLite's, which keeps most on the disk."""

    def __init__(self, items: Iterable[ItemRecord]) -> None:
        rows = ((place, item) for item in items if item.kind is Kind.FILE for place in item.stored)
        self._few = dict(islice(rows, ROWS_HELD))
        self._many: sqlite3.Connection | None = None
        if (one := next(rows, None)) is not None:
            self._spill(chain([one], rows))

    def get(self, path: str) -> ItemRecord | None:
        if path in self._few or self._many is None:
            return self._few.get(path)
        row = self._many.execute("SELECT name, size, puid, format, inside FROM item WHERE path = ?", (_key(path),)).fetchone()
        return None if row is None else ItemRecord(row[0], Kind.FILE, (), row[1], puid=row[2], format_name=row[3], inside=row[4])

    def add(self, path: str, item: ItemRecord) -> ItemRecord:
        """Remember one more; returns it."""
        if len(self._few) < ROWS_HELD:
            self._few[path] = item
        else:
            self._spill([(path, item)])
        return item

    def _spill(self, rows: Iterable[tuple[str, ItemRecord]]) -> None:
        if self._many is None:
            self._many = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._many.execute(
                "CREATE TABLE item (path BLOB PRIMARY KEY, name BLOB, size INTEGER, puid TEXT, format TEXT, inside TEXT)"
                " WITHOUT ROWID"
            )
            self._many.execute("BEGIN")  # never ended: it is thrown away
        self._many.executemany(_INSERT, (_item_row(place, item) for place, item in rows))

    def close(self) -> None:
        self._few.clear()
        if self._many is not None:
            self._many.close()


_INSERT = "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?)"


def _key(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")


def _item_row(path: str, item: ItemRecord) -> tuple[bytes, bytes, int, str, str, str]:
    return _key(path), item.name, item.size, item.puid, item.format_name, item.inside


class _Again:
    """What a function yields, anew for each iteration."""

    def __init__(self, rows: Callable[[], Iterator[FileRow]]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[FileRow]:
        return self._rows()


class StoredVersion:
    """Reads the ``records`` of version ``number``, whose inventory has ``inventory_sha512``.

    Raises (on use):
        AipUnreadable: they are not there unaltered on any tier, or no records of a Kho AIP.
    """

    def __init__(self, records: Records, inventory: Inventory, number: int, inventory_sha512: bytes) -> None:
        self._records = records
        self._inventory = inventory
        self._number = number
        self._inventory_sha512 = inventory_sha512
        self._deposit: DepositRecord | None = None
        self._items: _Items | None = None
        self.files = 0

    def close(self) -> None:
        """Let go of what was read; what `registration` gave can no longer be iterated when it had more than `ROWS_HELD` files."""
        if self._items is not None:
            self._items.close()
            self._items = None

    @property
    def _object_id(self) -> ObjectId:
        return self._inventory.object_id

    def _open(self, path: str) -> tuple[BinaryIO, int]:
        """A file of this version's state, with its length."""
        try:
            return self._records.of(self._inventory, self._number, path)
        except KeyError as error:
            raise AipUnreadable(path, phrase("no-such-file")) from error

    @property
    def deposit(self) -> DepositRecord:
        """The deposit that became this version."""
        if self._deposit is None:
            self._read_items()
        assert self._deposit is not None
        return self._deposit

    def _read_items(self) -> _Items:
        """The item behind each logical path."""
        if self._items is None:
            try:
                with self._records.submission(self._inventory, self._number) as (self._deposit, items):
                    self._items = _Items(items)
            except KeyError as error:
                raise AipUnreadable(SUBMISSION_PATH, phrase("no-such-file")) from error
        return self._items

    def registration(self, copies: tuple[Copy, ...], policy: Policy) -> Registration:
        """What the catalog is told, under the ``policy`` in force. ``copies`` are those to be entered with it. Files are held in memory
        when they are few, else they are read again each time that they are iterated, until `close`."""
        block = self._inventory.versions[self._number - 1]
        created = datetime.fromisoformat(block.created)
        first = datetime.fromisoformat(self._inventory.versions[0].created)
        few = sum(1 for _ in self._inventory.state(self._number)) <= ROWS_HELD
        held: list[FileRow] = []
        self.files = size = 0
        for row in self._rows():
            self.files, size = self.files + 1, size + size_in(row)
            if few:
                held.append(row)
        rows: Iterable[FileRow] = held if few else _Again(self._rows)
        if few:
            self.close()
        copies = tuple(replace(copy, files=self.files, bytes=size) for copy in copies)
        version = AipVersion(
            number=self._number,
            inventory_sha512=self._inventory_sha512.hex(),
            created=created,
            deposit_id=self.deposit.deposit_id,
            message=block.message or "",
            files=self.files,
            bytes=size,
        )
        aip = aip_facts(self._object_id, self.deposit, policy, created=first, updated=created)
        return Registration(aip, version, rows, copies)

    def _rows(self) -> Iterator[FileRow]:
        items = self._read_items()
        fixity = self._inventory.fixity("sha256")
        for path, digest in self._inventory.state(self._number):
            content = self._inventory.content_of(path, self._number)
            item = items.get(path)
            if item is None:  # made by Kho, or by a migration: nothing else says how long they are
                puid, format_name = self._derived(path)
                made = ItemRecord(b"", Kind.FILE, size=self._size(path), puid=puid, format_name=format_name)
                item = items.add(path, made)
            name = original_name(item.name, path)
            facts = item.puid, item.format_name, name, item.inside
            yield row_of(path, content, item.size, fixity[content], digest, facts)

    def _derived(self, path: str) -> tuple[str, str]:
        """(PUID, format) of a file that a migration made: no item of the deposit, so that only the PREMIS of its representation knows."""
        if not DERIVED.match(path):
            return "", ""
        return self._formats_of(path.split("/", 2)[1]).get(path, ("", ""))

    @functools.lru_cache(maxsize=16)  # noqa: B019 - an object reads one version, and is let go with it
    def _formats_of(self, representation: str) -> dict[str, tuple[str, str]]:
        with self._open(f"representations/{representation}/{REPRESENTATION_PREMIS}")[0] as stream:
            return {each.path: (each.puid, each.format_name) for each in read_premis(stream) if isinstance(each, PremisFile)}

    def _size(self, path: str) -> int:
        try:
            return self._records.size(self._inventory, self._number, path)
        except KeyError as error:
            raise AipUnreadable(path, phrase("no-such-file")) from error

    def events(self) -> Iterator[Event]:
        """The events that were sealed into this version."""
        with self._open(EVENTS_PATH.format(self._number))[0] as stream:
            yield from read_events(stream)

    def past_deposit(self, *, stored: bool) -> Deposit:
        """The deposit as it ended, for the same key to be known again; KEPT when too few tiers hold its version, so that it cannot
        be said that it was ever stored."""
        ended = datetime.fromisoformat(self._inventory.versions[self._number - 1].created)
        state = DepositState.STORED if stored else DepositState.KEPT
        return past_deposit(self.deposit, self._object_id, self._number, state=state, ended=ended)
