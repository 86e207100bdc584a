"""One version of an AIP as its own records on the tiers tell it: everything the catalog wants to know, without the catalog.

Only an inventory is believed; whatever it vouches for is taken from whichever tier gives exactly those bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from formats.package.source import Kind
from formats.premis import Event, read_premis
from policies.findings import Finding, Verdict
from repository.aip import EVENTS_PATH
from repository.catalog import Registration
from repository.errors import AipUnreadable
from repository.facts import aip_facts, original_name
from repository.model import AipFile, AipVersion, Copy, Deposit, DepositState
from repository.submission import SUBMISSION_PATH, DepositRecord, ItemRecord, read_submission
from storage.errors import StorageError
from storage.ocfl.inventory import Inventory, parse_inventory
from storage.tier import ObjectId, Tier

__all__ = ["StoredVersion", "inventory_digest", "open_verified"]


def open_verified(tiers: Sequence[Tier], object_id: ObjectId, path: str, sha512: bytes) -> tuple[BinaryIO, int]:
    """(a stream, its length) of a stored file from the first tier that holds it unaltered: all of it was read and hashed.

    Raises:
        AipUnreadable: no tier does.
    """
    reasons: list[str] = []
    for tier in tiers:
        try:
            stream = tier.open(object_id, path)
        except (StorageError, OSError) as error:
            reasons.append(f"{tier.name}: {error}")
            continue
        try:
            size = _hash(stream, hasher := hashlib.sha512(usedforsecurity=False))
            if hasher.digest() == sha512:
                stream.seek(0)
                return stream, size
            reasons.append(f"{tier.name}: {path} is altered")
        except OSError as error:
            reasons.append(f"{tier.name}: {error.strerror or error}")
        stream.close()
    raise AipUnreadable(path, "; ".join(reasons))


def _hash(stream: BinaryIO, hasher: hashlib._Hash) -> int:
    size = 0
    while chunk := stream.read(LARGE_BUFFER):
        hasher.update(chunk)
        size += len(chunk)
    return size


def inventory_digest(tiers: Sequence[Tier], inventory: Inventory, number: int) -> bytes:
    """SHA-512 of the inventory of an older version: that which tells the same versions as the newest one does.

    Raises:
        AipUnreadable: no tier has one, or tiers have several.
    """
    found: set[bytes] = set()
    path = f"v{number}/inventory.json"
    for tier in tiers:
        try:
            with tier.open(inventory.object_id, path) as stream:
                data = stream.read()
            if _tells_the_same(parse_inventory(data), inventory, number):
                found.add(hashlib.sha512(data).digest())
        except (StorageError, OSError, ValueError):
            continue
    if len(found) != 1:
        raise AipUnreadable(path, "the tiers hold different ones" if found else "no tier holds one that fits the newest version")
    return found.pop()


def _tells_the_same(old: Inventory, new: Inventory, number: int) -> bool:
    if (old.object_id, old.head, old.versions) != (new.object_id, number, new.versions[:number]):
        return False
    fixity = new.fixity("sha256")
    return all(dict(old.state(each)) == dict(new.state(each)) for each in range(1, number + 1)) and all(
        fixity.get(path) == digest for path, digest in old.fixity("sha256").items()
    )


class StoredVersion:
    """Reads the records of version ``number``, whose inventory has ``inventory_sha512``, from ``tiers``.

    Raises (on use):
        AipUnreadable: they are not there unaltered on any tier, or no records of a Kho AIP.
    """

    def __init__(self, tiers: Sequence[Tier], inventory: Inventory, number: int, inventory_sha512: bytes) -> None:
        self._tiers = tiers
        self._inventory = inventory
        self._number = number
        self._inventory_sha512 = inventory_sha512
        self.files = 0

    @property
    def _object_id(self) -> ObjectId:
        return self._inventory.object_id

    def _open(self, path: str) -> tuple[BinaryIO, int]:
        """A file of this version's state, with its length."""
        try:
            content = self._inventory.content_of(path, self._number)
        except KeyError as error:
            raise AipUnreadable(path, "the AIP has no such file") from error
        return open_verified(self._tiers, self._object_id, content, self._inventory.digest_of(path, self._number))

    @cached_property
    def _submission(self) -> tuple[DepositRecord, dict[str, ItemRecord]]:
        """The deposit, and the item behind each logical path. Around 1 kB a file is held in memory."""
        with self._open(SUBMISSION_PATH)[0] as stream:
            deposit, items = read_submission(stream)
            return deposit, {place: item for item in items if item.kind is Kind.FILE for place in item.stored}

    @property
    def deposit(self) -> DepositRecord:
        return self._submission[0]

    def registration(self, copies: tuple[Copy, ...]) -> Registration:
        """What the catalog is told. ``copies`` are those to be entered with it."""
        block = self._inventory.versions[self._number - 1]
        created = datetime.fromisoformat(block.created)
        first = datetime.fromisoformat(self._inventory.versions[0].created)
        rows = list(self._rows())
        self.files, size = len(rows), sum(row.size for row in rows)
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
        return Registration(aip_facts(self._object_id, self.deposit, created=first, updated=created), version, rows, copies)

    def _rows(self) -> Iterator[AipFile]:
        items = self._submission[1]
        fixity = self._inventory.fixity("sha256")
        for path, digest in self._inventory.state(self._number):
            content = self._inventory.content_of(path, self._number)
            item = items.get(path)
            yield AipFile(
                path=path,
                content_path=content,
                size=item.size if item else self._size(path),
                sha256=fixity[content].hex(),
                sha512=digest.hex(),
                puid=item.puid if item else "",
                format_name=item.format_name if item else "",
                original_name=original_name(item.name, path) if item else "",
            )

    def _size(self, path: str) -> int:
        stream, size = self._open(path)
        stream.close()
        return size

    def events(self) -> Iterator[Event]:
        """The events that were sealed into this version."""
        with self._open(EVENTS_PATH.format(self._number))[0] as stream:
            for each in read_premis(stream):
                if isinstance(each, Event):
                    yield each

    def past_deposit(self, *, stored: bool) -> Deposit:
        """The deposit as it ended, for the same key to be known again; KEPT when too few tiers hold its version, so that it cannot
        be said that it was ever stored."""
        record = self.deposit
        ended = datetime.fromisoformat(self._inventory.versions[self._number - 1].created)
        return Deposit(
            id=record.deposit_id,
            key=record.key,
            producer=record.producer,
            label=record.label,
            source=record.source,
            state=DepositState.STORED if stored else DepositState.KEPT,
            created=datetime.fromisoformat(record.received),
            updated=ended,
            actor=record.actor,
            fingerprint=record.fingerprint,
            update_of=self._object_id if self._number > 1 else "",
            verdict=Verdict.ACCEPT,
            findings=tuple(Finding(row["code"], row["path"], row["args"]) for row in record.findings),
            finding_counts=record.finding_counts,
            decided_by=record.waived_by,
            aip_id=self._object_id,
            aip_version=self._number,
            files=record.file_count,
            bytes=record.byte_count,
            scanned=record.scanned,
        )
