"""What an object must hold, by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.ocfl.inventory import parse_inventory
from storage.ocfl.wanted import Wanted
from storage.tier import ObjectId
from tests.storage.sealed import SealedObject


@pytest.mark.parametrize("folder", ["v²", "v٢", "v", "v1x", "v9", "v1/content"])
def test_a_folder_that_only_looks_like_a_version_has_no_inventory(folder: str, tmp_path: Path) -> None:
    """Some digits of Unicode are no numbers, and strangers may have any name."""
    sealed = SealedObject(tmp_path, ObjectId("urn:a")).version({"a.txt": b"a"})
    want = Wanted(sealed.object_id, {1: sealed.inventory_sha512}, parse_inventory(sealed.inventory.read_bytes()))
    assert want.known("v1/inventory.json") == (sealed.inventory_sha512, None)
    assert want.known(f"{folder}/inventory.json") is None
