"""Consistency: does an AIP say of itself what its inventory says? Asked where tiers disagree, or too few hold a version, and no
catalog can tell.

Whoever alters content and rewrites inventory and sidecar has not yet rewritten METS, PREMIS and the submission record. A record that
is itself damaged says nothing: that is not a contradiction.
"""

from __future__ import annotations

import enum

from formats.xml import NotWellFormed
from policies.findings import KhoError
from repository.aip.stored import Records
from repository.aip.submission import SUBMISSION_PATH
from storage.errors import Unavailable
from storage.ocfl.inventory import Inventory

__all__ = ["Testimony", "testimony"]


class Testimony(enum.Enum):
    """What an object's own records say of its inventory."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    SILENT = "silent"  # the records are damaged, missing or of another kind: nothing is known


def testimony(records: Records, inventory: Inventory) -> Testimony:
    """Whether METS and the submission record of every version, among the ``records`` of the tiers that hold this inventory, say the
    digests that it says. Raises Unavailable."""
    found = Testimony.AGREES
    for number in range(1, inventory.head + 1):
        try:
            if not _agrees(records, inventory, number):
                return Testimony.CONTRADICTS
        except Unavailable:
            raise
        except (KhoError, OSError, ValueError, NotWellFormed):
            found = Testimony.SILENT
    return found


def _agrees(records: Records, inventory: Inventory, number: int) -> bool:
    """METS vouches for the submission record and the METS of representations, the record for every deposited file; and nothing
    stands in the version that none of them names."""
    known = inventory.digests_in("sha256", number)
    unsaid = set(known)
    if "METS.xml" not in unsaid or SUBMISSION_PATH not in unsaid:
        return False
    unsaid.discard("METS.xml")
    representations: list[str] = []
    for path, digest, _ in records.references(inventory, number, "METS.xml"):
        if known.get(path) != digest:
            return False
        unsaid.discard(path)
        if path.startswith("representations/") and path.endswith("/METS.xml"):
            representations.append(path)
    for mets in representations:
        folder = mets.removesuffix("METS.xml")
        for below, digest, _ in records.references(inventory, number, mets):
            if known.get(folder + below) != digest:
                return False
            unsaid.discard(folder + below)
    with records.submission(inventory, number) as (_, items):
        for item in items:
            digest = bytes.fromhex(item.sha256)
            if any(known.get(place) != digest for place in item.stored):
                return False
            unsaid.difference_update(item.stored)
    return not unsaid
