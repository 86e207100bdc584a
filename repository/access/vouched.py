"""Vouched: what one object must hold, according to the catalog's inventory digests and an inventory that matches them.

Reading, exporting, updating and repairing all start here, so that no copy is believed because it happened to be asked first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from fixity.errors import CouldNotRead
from repository.access.sightings import Sightings, blocks
from repository.archive import Archive
from repository.coming import is_coming
from storage.errors import StorageError
from storage.ocfl.inventory import Inventory, parse_inventory
from storage.ocfl.inventory_writer import sidecar_text
from storage.tier import ObjectId

__all__ = ["Wanted", "wanted"]

DECLARATION = "0=ocfl_object_1.1"
"""The conformance declaration (OCFL 1.1 §3.3), whose content is known without any copy."""


@dataclass
class Wanted:
    """What one object must hold: the SHA-512 of every file by its path, from an inventory the catalog vouches for."""

    object_id: ObjectId
    inventories: Mapping[int, bytes]
    inventory: Inventory

    @property
    def head(self) -> int:
        return max(self.inventories)

    def known(self, path: str) -> tuple[bytes, bytes | None] | None:
        """(SHA-512, the bytes themselves where they follow from the rules) of a path; None for a path that does not belong."""
        if path == DECLARATION:
            return _with_digest(b"ocfl_object_1.1\n")
        folder, _, name = path.rpartition("/")
        number = self.head if not folder else _version_number(folder)
        if name in ("inventory.json", "inventory.json.sha512") and number in self.inventories:
            digest = self.inventories[number]
            return (digest, None) if name == "inventory.json" else _with_digest(sidecar_text(digest))
        stored = self.contents.get(path)
        return None if stored is None else (stored, None)

    @cached_property
    def contents(self) -> Mapping[str, bytes]:
        """Content path → SHA-512 of everything that any version stores."""
        return dict(self.inventory.content_paths())


def _with_digest(data: bytes) -> tuple[bytes, bytes]:
    return hashlib.sha512(data).digest(), data


def _version_number(folder: str) -> int:
    return int(folder[1:]) if folder[:1] == "v" and folder[1:].isdigit() else 0


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


def _coming(archive: Archive, aip_id: str, head: int) -> bool:
    """Whether a newer version than ``head`` is being kept, or was a moment ago: then a tier may have its inventory already."""
    return is_coming(archive, aip_id) or max(archive.catalog.holdings.inventories([aip_id])[aip_id]) != head
