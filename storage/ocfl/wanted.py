"""What one object must hold, as an inventory says that is vouched for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from storage.ocfl.inventory import Inventory
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.objects import DECLARATION, DECLARATION_BYTES, INVENTORY, SIDECAR
from storage.ocfl.reread import version_of
from storage.tier import ObjectId

__all__ = ["Wanted"]


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
            return _with_digest(DECLARATION_BYTES)
        folder, _, name = path.rpartition("/")
        number = self.head if not folder else version_of(folder) or 0
        if name in (INVENTORY, SIDECAR) and number in self.inventories:
            digest = self.inventories[number]
            return (digest, None) if name == INVENTORY else _with_digest(sidecar_text(digest))
        stored = self.contents.get(path)
        return None if stored is None else (stored, None)

    @cached_property
    def contents(self) -> Mapping[str, bytes]:
        """Content path → SHA-512 of everything that any version stores."""
        return dict(self.inventory.content_paths())


def _with_digest(data: bytes) -> tuple[bytes, bytes]:
    return hashlib.sha512(data).digest(), data
