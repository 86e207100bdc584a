"""Ahead: copies that are sound and hold versions newer than the catalog knows, for an older catalog came back from a backup."""

from __future__ import annotations

from collections.abc import Mapping

from fixity.errors import CouldNotRead
from repository.archive import Archive
from repository.checks.behind import newer_versions
from repository.coming import coming_version, is_coming
from storage.errors import StorageError
from storage.tier import ObjectId, Tier

__all__ = ["ahead"]


def ahead(archive: Archive, aip_id: str, expected: Mapping[int, bytes]) -> set[str]:
    """The tiers whose copy holds all that the catalog expects (``expected``: SHA-512 of the inventories by version) and, after it,
    versions that it does not know, every byte of them as their own inventories say. One that is on its way is known.

    What only somebody with write access to a tier can have put there looks the same; a person decides, and a rebuild holds it against
    the other tiers."""
    coming = coming_version(archive, aip_id)
    if not coming and is_coming(archive, aip_id):
        return set()
    return {name for name, tier in archive.tiers.items() if _goes_on(tier, ObjectId(aip_id), expected, coming)}


def _goes_on(tier: Tier, object_id: ObjectId, expected: Mapping[int, bytes], coming: Mapping[int, bytes]) -> bool:
    newer = newer_versions(tier, object_id, expected, coming)
    try:
        return bool(newer) and tier.verify(object_id, {**expected, **newer}).ok
    except (StorageError, CouldNotRead):
        return False
