"""Peers, run with the Python of an environment of their own (`bench/peer-env`): nothing of Kho is imported here.

``ocfl-add SOURCE SCRATCH ROOT`` · ``ocfl-validate ROOT`` · ``bag-make FOLDER`` · ``bag-validate FOLDER``.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any


def ocfl_add(source: str, scratch: str, root: str) -> None:
    """ocfl-py: every folder in ``source`` becomes an object, which is added to a new storage root."""
    ocfl: Any = importlib.import_module("ocfl")
    os.makedirs(scratch)
    store = ocfl.StorageRoot(root=root, layout_name="0003-hash-and-id-n-tuple-storage-layout")
    store.initialize()
    for number, name in enumerate(sorted(os.listdir(source))):
        folder = os.path.join(scratch, str(number))
        made = ocfl.Object(identifier=f"urn:bench:{name}")
        made.create(os.path.join(source, name), ocfl.VersionMetadata(message="bench", name="bench"), folder)
        store.add(folder)


def ocfl_validate(root: str) -> None:
    """ocfl-py: every object of a storage root, digests too. Object by object, because it does not know every layout of a root."""
    validator: Any = importlib.import_module("ocfl.validator")
    for folder, folders, names in os.walk(root):
        if any(name.startswith("0=ocfl_object_") for name in names):
            folders.clear()
            if not validator.Validator().validate_object(folder):
                sys.exit(f"ocfl-py finds {folder} invalid")


def bag_make(folder: str) -> None:
    """bagit.py: a bag in place, SHA-512."""
    bagit: Any = importlib.import_module("bagit")
    bagit.make_bag(folder, checksums=["sha512"])


def bag_validate(folder: str) -> None:
    """bagit.py: complete and valid."""
    bagit: Any = importlib.import_module("bagit")
    bagit.Bag(folder).validate()


if __name__ == "__main__":
    WORK: dict[str, Any] = {
        "ocfl-add": ocfl_add,
        "ocfl-validate": ocfl_validate,
        "bag-make": bag_make,
        "bag-validate": bag_validate,
    }
    WORK[sys.argv[1]](*sys.argv[2:])
