"""One version of an AIP as its own records on a tier tell it: everything the catalog wants to know, without the catalog."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from formats.package.source import Kind
from formats.premis import Event, read_premis
from policies.findings import Finding, Verdict
from repository.aip import EVENTS_PATH
from repository.catalog import Registration
from repository.errors import AipUnreadable
from repository.facts import aip_facts, original_name
from repository.model import AipFile, AipVersion, Copy, Deposit, DepositState
from repository.submission import SUBMISSION_PATH, DepositRecord, ItemRecord, read_submission
from storage.ocfl.inventory import Inventory
from storage.tier import ObjectId, Tier

__all__ = ["StoredVersion"]


class StoredVersion:
    """Reads the records of version ``number``.

    Raises (on use):
        AipUnreadable: they are not there, or no records of a Kho AIP.
        StorageError, OSError: the tier could not give them.
    """

    def __init__(self, tier: Tier, inventory: Inventory, number: int) -> None:
        self._tier = tier
        self._inventory = inventory
        self._number = number
        self.files = 0

    @property
    def _object_id(self) -> ObjectId:
        return self._inventory.object_id

    def _content(self, path: str) -> str:
        try:
            return self._inventory.content_of(path, self._number)
        except KeyError as error:
            raise AipUnreadable(path, "the AIP has no such file") from error

    @cached_property
    def _submission(self) -> tuple[DepositRecord, dict[str, ItemRecord]]:
        """The deposit, and the item behind each logical path."""
        with self._tier.open(self._object_id, self._content(SUBMISSION_PATH)) as stream:
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
            inventory_sha512=self._inventory_sha512().hex(),
            created=created,
            deposit_id=self.deposit.deposit_id,
            message=block.message or "",
            files=self.files,
            bytes=size,
        )
        return Registration(aip_facts(self._object_id, self.deposit, created=first, updated=created), version, rows, copies)

    def _inventory_sha512(self) -> bytes:
        with self._tier.open(self._object_id, f"v{self._number}/inventory.json") as stream:
            return hashlib.sha512(stream.read()).digest()

    def _rows(self) -> Iterator[AipFile]:
        items = self._submission[1]
        fixity = self._inventory.fixity("sha256")
        for path, digest in self._inventory.state(self._number):
            content = self._inventory.content_of(path, self._number)
            item = items.get(path)
            yield AipFile(
                path=path,
                content_path=content,
                size=item.size if item else self._size(content),
                sha256=fixity[content].hex(),
                sha512=digest.hex(),
                puid=item.puid if item else "",
                format_name=item.format_name if item else "",
                original_name=original_name(item.name, path) if item else "",
            )

    def _size(self, content_path: str) -> int:
        with self._tier.open(self._object_id, content_path) as stream:
            return stream.seek(0, os.SEEK_END)

    def events(self) -> Iterator[Event]:
        """The events that were sealed into this version."""
        with self._tier.open(self._object_id, self._content(EVENTS_PATH.format(self._number))) as stream:
            for each in read_premis(stream):
                if isinstance(each, Event):
                    yield each

    def past_deposit(self) -> Deposit:
        """The deposit as it ended, for the same key to be known again."""
        record = self.deposit
        ended = datetime.fromisoformat(self._inventory.versions[self._number - 1].created)
        return Deposit(
            id=record.deposit_id,
            key=record.key,
            producer=record.producer,
            label=record.label,
            source=record.source,
            state=DepositState.STORED,
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
