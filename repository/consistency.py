"""Consistency: does an AIP say of itself what its inventory says? Asked where tiers disagree and no catalog can tell.

Whoever alters content and rewrites inventory and sidecar has not yet rewritten METS, PREMIS and the submission record.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

from formats.hrefs import decode_href
from formats.mets import METS_NAMESPACE, XLINK_NAMESPACE
from formats.xml import NotWellFormed, subtrees
from policies.findings import KhoError
from repository.errors import AipUnreadable
from repository.submission import SUBMISSION_PATH, read_submission
from storage.ocfl.inventory import Inventory, parse_inventory
from storage.tier import ObjectId, Tier

__all__ = ["agrees_with_itself"]


def agrees_with_itself(tier: Tier, aip_id: str) -> bool:
    """Whether an object's own records say the same digests as its inventory, in every version."""
    try:
        inventory = parse_inventory(tier.inventory(ObjectId(aip_id)))
        return all(_version_consistent(tier, inventory, number) for number in range(1, inventory.head + 1))
    except (KhoError, OSError, ValueError, KeyError, NotWellFormed):
        return False


def _version_consistent(tier: Tier, inventory: Inventory, number: int) -> bool:
    """METS vouches for the submission record and the METS of representations, the record for every deposited file."""
    fixity = inventory.fixity("sha256")
    sha256: dict[str, bytes] = {path: fixity[inventory.content_of(path, number)] for path, _ in inventory.state(number)}
    said = dict(_checksums(tier, inventory, number, "METS.xml"))
    if SUBMISSION_PATH not in said:
        return False
    for path in [path for path in said if path.startswith("representations/") and path.endswith("/METS.xml")]:
        folder = path.removesuffix("METS.xml")
        said.update({folder + below: digest for below, digest in _checksums(tier, inventory, number, path)})
    with tier.open(inventory.object_id, inventory.content_of(SUBMISSION_PATH, number)) as stream:
        for item in read_submission(stream)[1]:
            said.update({place: bytes.fromhex(item.sha256) for place in item.stored})
    return all(sha256.get(path) == digest for path, digest in said.items())


def _checksums(tier: Tier, inventory: Inventory, number: int, mets: str) -> Iterator[tuple[str, bytes]]:
    """(path, SHA-256) of everything a METS file of ours refers to; its own bytes are checked against the inventory first."""
    with tier.open(inventory.object_id, inventory.content_of(mets, number)) as stream:
        data = stream.read()
    if hashlib.sha512(data).digest() != inventory.digest_of(mets, number):
        raise AipUnreadable(mets, "it does not match the inventory")
    href = f"{{{XLINK_NAMESPACE}}}href"
    for element in subtrees(io.BytesIO(data), [f"{{{METS_NAMESPACE}}}mdRef", f"{{{METS_NAMESPACE}}}file"]):
        place = element if element.get(href) else element.find(f"{{{METS_NAMESPACE}}}FLocat")
        reference, checksum = (place.get(href) if place is not None else None), element.get("CHECKSUM")
        if reference and checksum:
            yield decode_href(reference), bytes.fromhex(checksum)
