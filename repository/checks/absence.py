"""Copies that were promised and are not there yet: their tier was full, away, or took no writes. That nothing is found of them, or only
earlier versions, is what was known before, and no damage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fixity.verify import FixityReport, Outcome
from repository.archive import Archive
from repository.model import CheckRecord, Copy, CopyState
from storage.tier import ObjectId

__all__ = ["not_there_yet", "still_absent"]


def not_there_yet(archive: Archive, copy: Copy, expected: Mapping[int, bytes], found: FixityReport) -> bool:
    """Whether a copy that was never whole is still to be made: nothing that counts was ``found`` of it, or it stayed behind at an earlier
    version, of which everything is there. What a broken-off write has left counts for nothing. Raises Unavailable."""
    if copy.state is not CopyState.ABSENT or found.ok:
        return False
    if not found.inventory_sha512:
        return all(each.outcome in (Outcome.MISSING, Outcome.EXTRA) for each in found.problems)
    last = next((number for number, digest in expected.items() if digest.hex() == found.inventory_sha512), max(expected))
    if last == max(expected):
        return False
    behind = {number: digest for number, digest in expected.items() if number <= last}
    return archive.tiers[copy.tier].verify(ObjectId(copy.aip_id), behind).ok


def still_absent(record: CheckRecord) -> CheckRecord:
    """The record of a check of such a copy: it is what it was, and has no damages."""
    return replace(record, state=CopyState.ABSENT, damages=(), look_next=None)
