"""Restoring the index of evidence from the tiers, when a catalog is made again: the batches themselves are the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.findings import Findings, KhoError, reason_of
from repository.aip.stored import inventory_digest
from repository.archive import Archive
from repository.evidence.keeping import leaf_rows, open_batch, row_of
from repository.evidence.roots import roots_of
from repository.model import Copy, CopyState
from storage.tier import ObjectVersion, Tier

__all__ = ["restore_batches"]


def restore_batches(
    archive: Archive, tiers: Mapping[str, Tier], held: Mapping[str, Mapping[str, ObjectVersion]], findings: Findings
) -> int:
    """Register every batch that ``tiers`` hold (``held``: object id → tier → what it holds); returns how many.

    The newest version that a tier holds is believed when the batch agrees with itself: its trees lead to the roots that were stamped,
    so a batch that somebody made up proves nothing more than it can show.
    """
    anchors = roots_of(archive)
    restored = 0
    for object_id in sorted(held):
        found = held[object_id]
        for newest, digest in _candidates(found):
            try:
                batch, inventory = open_batch(list(tiers.values()), object_id, newest, digest)
                digests = {each: inventory_digest(list(tiers.values()), inventory, each) for each in range(1, inventory.head)}
            except (KhoError, OSError, ValueError, KeyError) as error:
                findings.add("AIP-UNREADABLE", object_id, reason=reason_of(error))
                continue
            digests[inventory.head] = digest
            with archive.catalog.begin() as transaction:
                for number, each in digests.items():
                    archive.catalog.holdings.keep(object_id, each, number, within=transaction)
                archive.catalog.copies.put(_copies(archive, object_id, inventory.head, tiers, found), within=transaction)
                archive.catalog.evidence.put(row_of(batch, digest, anchors), leaf_rows(batch), within=transaction)
            restored += 1
            break
    return restored


def _candidates(found: Mapping[str, ObjectVersion]) -> list[tuple[int, bytes]]:
    """(newest version, digest of its inventory), the highest version first."""
    ordered = sorted(found.values(), key=lambda each: -each.number)
    return list(dict.fromkeys((each.number, each.inventory_sha512) for each in ordered))


def _copies(
    archive: Archive, object_id: str, head: int, tiers: Mapping[str, Tier], found: Mapping[str, ObjectVersion]
) -> Sequence[Copy]:
    """Unknown until re-read, absent where a tier was looked at and has none."""
    copies = []
    for name in archive.policy.copies.tiers:
        state = CopyState.ABSENT if name in tiers and name not in found else CopyState.UNKNOWN
        copies.append(Copy(object_id, name, head, state, None, None, archive.clock.now(), bytes=0, files=0))
    return copies
