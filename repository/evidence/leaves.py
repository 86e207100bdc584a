"""Leaves: what a batch proves of one version of one object, and where its digests come from.

A leaf is the data-object group of an AIP version: the stored bytes of ``vN/inventory.json`` (which never changes) and every content
file that is new in vN; so any one file is provable alone. Of a day of the ledger it is the day's head. The digests stand in the
inventory, which is believed only when it has the digest that the catalog, or the batch, knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from fixity.digests import ALGORITHMS, LARGE_BUFFER, Hasher
from policies.findings import KhoError, reason_of
from policies.phrases import os_phrase, phrase
from repository.aip.stored import open_verified
from repository.coming import DAYS
from storage.errors import Unavailable
from storage.ocfl.inventory import Inventory, parse_inventory
from storage.tier import ObjectId, Tier

__all__ = ["LISTS", "DataObject", "Leaf", "Unprovable", "hashed_again", "list_text", "objects_of"]

LISTS = "lists/"
"""How the path of a digest list begins, as a data object: it lies in the batch, not in the AIP."""

OWN_NAMES = {theirs: ours for ours, theirs in ALGORITHMS.items()}
"""hashlib's names of algorithms, which evidence uses → those of `fixity.digests`."""


class Unprovable(KhoError):
    """A version cannot be proved now: its inventory is not to be had, or has no SHA-256 of its files."""

    def __init__(self, object_id: str, reason: str) -> None:
        super().__init__("EVD-UNPROVABLE", object_id, reason=reason)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf: a version of an object, the SHA-512 of its inventory, whether a list of digests stands for its files, and the leaf's
    value in each tree."""

    id: str
    version: int
    inventory_sha512: bytes
    listed: bool
    values: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class DataObject:
    """One file of a group: where it is stored in its object, and its digests."""

    path: str
    sha256: bytes
    sha512: bytes

    def digest(self, hash_name: str) -> bytes:
        """Raises KeyError for an algorithm other than these two."""
        if hash_name == "sha256":
            return self.sha256
        if hash_name == "sha512":
            return self.sha512
        raise KeyError(hash_name)


def objects_of(tiers: Sequence[Tier], object_id: str, version: int, inventory_sha512: bytes) -> list[DataObject]:
    """The data objects of a version, the inventory first, then files by content path. Raises Unprovable."""
    path = f"v{version}/inventory.json"
    try:
        stream, _ = open_verified(tiers, ObjectId(object_id), path, inventory_sha512)
        with stream:
            data = stream.read()
        inventory = parse_inventory(data)
        rows = list(_content(inventory, object_id, version))
    except (KhoError, OSError, ValueError) as error:
        raise Unprovable(object_id, reason_of(error)) from error
    except KeyError as error:
        raise Unprovable(object_id, phrase("no-sha256", path=str(error))) from error
    if object_id.startswith(DAYS):
        return rows
    return [DataObject(path, hashlib.sha256(data).digest(), inventory_sha512), *rows]


def _content(inventory: Inventory, object_id: str, version: int) -> Iterator[DataObject]:
    fixity, own = inventory.fixity("sha256"), f"v{version}/"
    found = sorted((path, digest) for path, digest in inventory.content_paths() if path.startswith(own))
    if object_id.startswith(DAYS):
        found = [each for each in found if each[0].endswith("/head.json")]
    for path, sha512 in found:
        yield DataObject(path, fixity[path], sha512)


def list_text(objects: Sequence[DataObject]) -> bytes:
    """The list that stands for many files: one line each, "<sha256> <sha512> <content path>"."""
    return b"".join(f"{each.sha256.hex()} {each.sha512.hex()} {each.path}\n".encode() for each in objects)


def hashed_again(
    tiers: Sequence[Tier], object_id: str, each: DataObject, hash_name: str, progress: Callable[[int], None]
) -> bytes | None:
    """The digest of a stored file in another algorithm, from bytes read now that still have their SHA-512; None when every tier was
    asked, and none has those.

    Raises:
        Unavailable: no tier gave them, and one could not be asked: that says nothing of the bytes.
        KeyError: the algorithm is not known here.
    """
    own, away = OWN_NAMES[hash_name], None
    for tier in tiers:
        try:
            with tier.open(ObjectId(object_id), each.path) as stream:
                found = _digests(stream, {own, "sha512"}, progress)
        except Unavailable as error:
            away = error
            continue
        except OSError as error:
            away = Unavailable(tier.name, os_phrase(error))
            continue
        except KhoError:
            continue
        if found["sha512"] == each.sha512:
            return found[own]
    if away is not None:
        raise away
    return None


def _digests(stream: BinaryIO, names: set[str], progress: Callable[[int], None]) -> dict[str, bytes]:
    hasher = Hasher(names)
    while chunk := stream.read(LARGE_BUFFER):
        hasher.update(chunk)
        progress(len(chunk))
    return {name: digest.value for name, digest in hasher.digests().items()}
