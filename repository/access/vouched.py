"""Vouched: what one object must hold, according to the catalog's inventory digests and an inventory that matches them.

Reading, exporting, updating and repairing all start here, so that no copy is believed because it happened to be asked first.
"""

from __future__ import annotations

import hashlib

from fixity.errors import CouldNotRead
from policies.phrases import phrase
from repository.access.sightings import Sightings, blocks
from repository.archive import Archive
from repository.coming import is_coming
from repository.errors import NoGoodCopy, NotReached
from storage.errors import StorageError
from storage.ocfl.inventory import INVENTORY, parse_inventory
from storage.ocfl.wanted import Wanted
from storage.tier import ObjectId

__all__ = ["Wanted", "vouched", "wanted"]


def wanted(archive: Archive, aip_id: str, sightings: Sightings | None = None) -> Wanted | None:
    """What the object must hold; None when no tier has an inventory that the catalog vouches for. Inventories that are not what they
    should be are told to ``sightings``."""
    object_id = ObjectId(aip_id)
    inventories = archive.catalog.holdings.inventories([aip_id])[aip_id]
    head = max(inventories)
    for name, tier in archive.tiers.items():
        for path in ("inventory.json", f"v{head}/inventory.json"):
            try:
                with tier.open(object_id, path) as stream:
                    data = b"".join(blocks(stream, path))
            except (StorageError, CouldNotRead) as error:
                if sightings is not None:
                    sightings.failed(name, path, inventories[head], error)
                continue
            digest = hashlib.sha512(data).digest()
            if digest == inventories[head]:
                return Wanted(object_id, inventories, parse_inventory(data))
            if sightings is not None and not _coming(archive, aip_id, head):
                sightings.altered(name, path, inventories[head], digest)
    return None


def vouched(archive: Archive, aip_id: str, sightings: Sightings) -> Wanted:
    """`wanted`, for whoever cannot go on without. Raises NoGoodCopy: no tier has it; NotReached: none could be asked."""
    want = wanted(archive, aip_id, sightings)
    if want is not None:
        return want
    away = list(sightings.away.values())
    if away and not sightings.seen:
        raise NotReached(INVENTORY, aip_id, "; ".join(away))
    raise NoGoodCopy(INVENTORY, aip_id, "; ".join([phrase("no-inventory-vouched"), *away]))


def _coming(archive: Archive, aip_id: str, head: int) -> bool:
    """Whether a newer version than ``head`` is being kept, or was a moment ago: then a tier may have its inventory already."""
    return is_coming(archive, aip_id) or max(archive.catalog.holdings.inventories([aip_id])[aip_id]) != head
