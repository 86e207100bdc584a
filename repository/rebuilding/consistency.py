"""Consistency: does an AIP say of itself what its inventory says? Asked where tiers disagree, or too few hold a version, and no
catalog can tell.

Whoever alters content and rewrites inventory and sidecar has not yet rewritten METS, PREMIS and the submission record. A record that
is itself damaged says nothing: that is not a contradiction.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from formats.hrefs import decode_href
from formats.mets import METS_NAMESPACE, XLINK_NAMESPACE
from formats.xml import NotWellFormed, subtrees
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
    unsaid = {path for path, _ in inventory.state(number)}
    if "METS.xml" not in unsaid or SUBMISSION_PATH not in unsaid:
        return False
    unsaid.discard("METS.xml")
    representations: list[str] = []
    for path, digest in _checksums(records, inventory, number, "METS.xml"):
        if not _is(inventory, number, path, digest):
            return False
        unsaid.discard(path)
        if path.startswith("representations/") and path.endswith("/METS.xml"):
            representations.append(path)
    for mets in representations:
        folder = mets.removesuffix("METS.xml")
        for below, digest in _checksums(records, inventory, number, mets):
            if not _is(inventory, number, folder + below, digest):
                return False
            unsaid.discard(folder + below)
    with records.submission(inventory, number) as (_, items):
        for item in items:
            digest = bytes.fromhex(item.sha256)
            if not all(_is(inventory, number, place, digest) for place in item.stored):
                return False
            unsaid.difference_update(item.stored)
    return not unsaid


def _is(inventory: Inventory, number: int, path: str, sha256: bytes) -> bool:
    """Whether the inventory has this SHA-256 for a path of the version."""
    try:
        return inventory.fixity("sha256").get(inventory.content_of(path, number)) == sha256
    except KeyError:
        return False


def _checksums(records: Records, inventory: Inventory, number: int, mets: str) -> Iterator[tuple[str, bytes]]:
    """(path, SHA-256) of everything a METS file of ours refers to."""
    href = f"{{{XLINK_NAMESPACE}}}href"
    with records.of(inventory, number, mets)[0] as stream:
        for element in subtrees(stream, [f"{{{METS_NAMESPACE}}}mdRef", f"{{{METS_NAMESPACE}}}file"]):
            place = element if element.get(href) else element.find(f"{{{METS_NAMESPACE}}}FLocat")
            reference, checksum = (place.get(href) if place is not None else None), element.get("CHECKSUM")
            if reference and checksum:
                yield decode_href(reference), bytes.fromhex(checksum)
