"""The events of closed days as the very bytes that their heads were made of: brought from a tier where the day lies sealed, or made again
from the catalog. Whoever they come from, they count only when their digest is the one that the signed head says.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from repository.archive import Archive
from repository.catalog import LedgerDay
from repository.coming import day_object
from repository.errors import LedgerChanged
from repository.ledger.days import line_of, write_segment
from repository.ledger.open_day import Told
from storage.errors import StorageError
from storage.ocfl.tier import LocalTier
from storage.tier import ObjectId, SequentialTier, Tier

__all__ = ["CONTENT", "SEGMENT", "bring_segment", "lines_between", "places_of", "read_file"]

CONTENT = "v1/content/k/"
"""Where a day's files lie in its object."""

SEGMENT = "events.ndjson"

PIECE = 1 << 20
"""Bytes copied at a time."""


def bring_segment(archive: Archive, day: LedgerDay, target: Path) -> None:
    """Write the events of a closed day to ``target``.

    Raises:
        LedgerChanged: no tier has them, and the catalog no longer holds the events that the head was made of.
    """
    head = json.loads(day.head)
    wanted, place = head["segment"], ObjectId(day_object(head))
    for name in places_of(archive, day):
        with contextlib.suppress(StorageError), archive.tiers[name].open(place, CONTENT + SEGMENT) as stream:
            if _copied(stream, target) == wanted:
                return
    if write_segment(target, lines_between(archive, day.first, day.last))[1] != wanted:
        raise LedgerChanged(day.number, day.day.isoformat())


def read_file(tier: Tier, object_id: str, name: str) -> bytes:
    """One of the small files of a day. Raises StorageError, OSError."""
    with tier.open(ObjectId(object_id), CONTENT + name) as stream:
        return stream.read()


def places_of(archive: Archive, day: LedgerDay) -> list[str]:
    """Tiers to ask for a sealed day, near ones first; none whose media would have to be wound."""
    asked = [name for name, tier in archive.tiers.items() if day.sealed and not isinstance(tier, SequentialTier)]
    return sorted(asked, key=lambda name: not isinstance(archive.tiers[name], LocalTier))


def _copied(stream: BinaryIO, target: Path) -> str:
    """Copy; returns the SHA-256 (hexadecimal). What cannot be read is no digest."""
    digest = hashlib.sha256()
    with open(target, "wb") as out:
        while True:
            try:
                piece = stream.read(PIECE)
            except OSError:
                return ""
            if not piece:
                return digest.hexdigest()
            digest.update(piece)
            out.write(piece)


def lines_between(archive: Archive, first: int, last: int) -> Iterator[tuple[str, bytes]]:
    """(event id, line) of a day whose events have these numbers in the catalog."""
    if last < first:
        return
    who = Told(archive)
    for number, (_, event) in enumerate(archive.catalog.days.events(first, last)):
        yield event.id, line_of(number, who.told(event))
