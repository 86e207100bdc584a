"""Coming: versions that are sealed and on their way, which a tier may hold already while the catalog does not know them yet.

Whoever holds a tier against the catalog asks here before it speaks of damage or of strangers: a process that was killed between the two
leaves exactly that, and the next one only has to enter it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from repository.aip.sealing import summary_of
from repository.archive import Archive
from storage.ocfl.inventory import INVENTORY

__all__ = ["BATCHES", "DAYS", "PENDING", "coming_version", "day_object", "is_coming", "named", "pending_batches"]

BATCHES = "urn:kho:evidence:"
"""Ids of the objects that hold batches of evidence begin so."""

DAYS = "urn:kho:ledger:"
"""Ids of the objects that hold closed days of the ledger begin so."""

PENDING = Path("evidence", "pending")
"""In the home: folders of versions of batches that are written and not yet kept, by the batch and its version's number. A folder has the
inventory of its version as soon as that was sealed."""

_NAME = re.compile(r"([0-9a-f-]{36})\.([1-9][0-9]*)")


def coming_version(archive: Archive, object_id: str) -> dict[int, bytes]:
    """Number and inventory digest of the version that is about to be added to an object; at most one."""
    coming: dict[int, bytes] = {}
    for deposit_id in archive.catalog.deposits.accepted_for(object_id):
        with contextlib.suppress(OSError, ValueError, KeyError):
            summary = summary_of(archive.spools.folder(deposit_id))
            coming[summary["version"]] = bytes.fromhex(summary["inventory_sha512"])
    for number, folder in _pending_of(archive, object_id):
        with contextlib.suppress(OSError):
            coming[number] = hashlib.sha512((folder / INVENTORY).read_bytes()).digest()
    return coming


def is_coming(archive: Archive, object_id: str) -> bool:
    """Whether a version of an object, perhaps its first, is on its way."""
    if object_id.startswith(DAYS):
        return any(day_object(json.loads(day.head)) == object_id for day in archive.catalog.days.unsealed())
    return bool(archive.catalog.deposits.accepted_for(object_id)) or any(_pending_of(archive, object_id))


def day_object(head: Mapping[str, Any]) -> str:
    """The id of the object that holds the day of a head."""
    return f"{DAYS}{head['archive']}:{head['number']}"


def pending_batches(archive: Archive) -> Iterator[tuple[str, int, Path]]:
    """Versions of batches that are written and not yet kept: batch, number, folder; in no order."""
    place = archive.settings.home / PENDING
    for folder in place.iterdir() if place.is_dir() else ():
        if (names := named(folder)) and folder.is_dir():
            yield *names, folder


def named(folder: Path) -> tuple[str, int] | None:
    """The batch and the number of its version that a folder of `PENDING` is for, by its name; None when it does not belong there."""
    found = _NAME.fullmatch(folder.name)
    return (found[1], int(found[2])) if found else None


def _pending_of(archive: Archive, object_id: str) -> Iterator[tuple[int, Path]]:
    if object_id.startswith(BATCHES):
        for batch, number, folder in pending_batches(archive):
            if BATCHES + batch == object_id:
                yield number, folder
