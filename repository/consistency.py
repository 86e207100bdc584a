"""Consistency: does an AIP say of itself what its inventory says? Asked where tiers disagree, or too few hold a version, and no
catalog can tell.

Whoever alters content and rewrites inventory and sidecar has not yet rewritten METS, PREMIS and the submission record. A record that
is itself damaged says nothing: that is not a contradiction.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from formats.hrefs import decode_href
from formats.mets import METS_NAMESPACE, XLINK_NAMESPACE
from formats.xml import NotWellFormed, subtrees
from policies.findings import KhoError
from repository.stored_version import open_verified
from repository.submission import SUBMISSION_PATH, read_submission
from storage.ocfl.inventory import Inventory
from storage.tier import Tier

__all__ = ["Testimony", "testimony"]


class Testimony(enum.Enum):
    """What an object's own records say of its inventory."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    SILENT = "silent"  # the records are damaged, missing or of another kind: nothing is known


def testimony(tiers: Sequence[Tier], inventory: Inventory) -> Testimony:
    """Whether METS and the submission record of every version say the digests that ``inventory`` says. Records are read from the
    first of ``tiers`` that holds them as the inventory has them."""
    found = Testimony.AGREES
    for number in range(1, inventory.head + 1):
        try:
            if not _agrees(tiers, inventory, number):
                return Testimony.CONTRADICTS
        except (KhoError, OSError, ValueError, NotWellFormed):
            found = Testimony.SILENT
    return found


def _agrees(tiers: Sequence[Tier], inventory: Inventory, number: int) -> bool:
    """METS vouches for the submission record and the METS of representations, the record for every deposited file; and nothing
    stands in the version that none of them names."""
    fixity = inventory.fixity("sha256")
    sha256: dict[str, bytes | None] = {
        path: fixity.get(inventory.content_of(path, number)) for path, _ in inventory.state(number)
    }
    if "METS.xml" not in sha256 or SUBMISSION_PATH not in sha256:
        return False
    said = dict(_checksums(tiers, inventory, number, "METS.xml"))
    for path in [path for path in said if path.startswith("representations/") and path.endswith("/METS.xml")]:
        if path not in sha256:
            return False
        folder = path.removesuffix("METS.xml")
        said.update({folder + below: digest for below, digest in _checksums(tiers, inventory, number, path)})
    with _open(tiers, inventory, number, SUBMISSION_PATH) as stream:
        for item in read_submission(stream)[1]:
            said.update({place: bytes.fromhex(item.sha256) for place in item.stored})
    unsaid = sha256.keys() - said.keys() - {"METS.xml"}
    return not unsaid and all(sha256.get(path) == digest for path, digest in said.items())


def _open(tiers: Sequence[Tier], inventory: Inventory, number: int, path: str) -> BinaryIO:
    content = inventory.content_of(path, number)
    return open_verified(tiers, inventory.object_id, content, inventory.digest_of(path, number))[0]


def _checksums(tiers: Sequence[Tier], inventory: Inventory, number: int, mets: str) -> Iterator[tuple[str, bytes]]:
    """(path, SHA-256) of everything a METS file of ours refers to."""
    href = f"{{{XLINK_NAMESPACE}}}href"
    with _open(tiers, inventory, number, mets) as stream:
        for element in subtrees(stream, [f"{{{METS_NAMESPACE}}}mdRef", f"{{{METS_NAMESPACE}}}file"]):
            place = element if element.get(href) else element.find(f"{{{METS_NAMESPACE}}}FLocat")
            reference, checksum = (place.get(href) if place is not None else None), element.get("CHECKSUM")
            if reference and checksum:
                yield decode_href(reference), bytes.fromhex(checksum)
