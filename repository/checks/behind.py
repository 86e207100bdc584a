"""Behind: whether the catalog is older than what the tiers hold, for an older one came back from a backup. What a tier holds of versions
that came after it looks like damage and is none: a repair by that catalog would put records aside.

Here is only looked at what lies there; that all of it is sound, `repository.copies.ahead` reads before a repair decides.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fixity.errors import CouldNotRead
from repository.access.sightings import blocks
from repository.archive import Archive
from repository.coming import coming_version, is_coming
from repository.errors import UnknownAip
from repository.model import Damage
from storage.errors import StorageError
from storage.ocfl.inventory import INVENTORY, parse_inventory
from storage.tier import ObjectId, Tier

__all__ = ["Behind", "behind", "newer_versions"]

_VERSION = re.compile(r"v([1-9][0-9]*)/")


LOOKED = 500
"""Copies that are looked at: `kho status` and metrics ask every few minutes, and in a bucket each costs up to three requests. Of those
after them what is damage is not asked; a repair asks of every one."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What damages say when it is seen what the catalog does not know: ``copies`` (AIP, tier) that go on with versions newer than it knows,
    and the ``damages`` that are left, which that does not explain."""

    copies: frozenset[tuple[str, str]] = frozenset()
    damages: tuple[Damage, ...] = ()

    @property
    def aips(self) -> int:
        """How many AIPs have such copies."""
        return len({aip_id for aip_id, _ in self.copies})


def behind(archive: Archive, damages: Iterable[Damage]) -> Behind:
    """Look at the copies that are said to be damaged, two small files each of those that may go on."""
    copies, left, looked = set(), [], 0
    for (aip_id, tier), group in itertools.groupby(damages, key=lambda each: (each.aip_id, each.tier)):
        here = list(group)
        may_go_on = looked < LOOKED and any(each.path == INVENTORY for each in here)
        looked += may_go_on
        last = _last_known(archive, aip_id, tier) if may_go_on else 0
        if last:
            copies.add((aip_id, tier))
        left += [each for each in here if not (last and _is_newer(each.path, last))]
    return Behind(frozenset(copies), tuple(left))


def _is_newer(path: str, last: int) -> bool:
    """Whether what lies there belongs to a version after the last known one, or tells of it."""
    version = _VERSION.match(path)
    return path in (INVENTORY, f"{INVENTORY}.sha512") or (version is not None and int(version[1]) > last)


def _last_known(archive: Archive, aip_id: str, tier: str) -> int:
    """The last version that the catalog knows of a copy that goes on after it; 0 of one that does not."""
    with contextlib.suppress(UnknownAip):
        expected, coming = archive.catalog.holdings.inventories([aip_id])[aip_id], coming_version(archive, aip_id)
        unsure = not coming and is_coming(archive, aip_id)
        if tier in archive.tiers and not unsure and newer_versions(archive.tiers[tier], ObjectId(aip_id), expected, coming):
            return max(expected)
    return 0


def newer_versions(
    tier: Tier, object_id: ObjectId, expected: Mapping[int, bytes], coming: Mapping[int, bytes]
) -> dict[int, bytes]:
    """Number → SHA-512 of the inventories of versions that a copy has beyond those that are ``expected``; none where it does not go on
    from there, or they are on their way (``coming``), or nothing can be read."""
    last = max(expected)
    with contextlib.suppress(StorageError, CouldNotRead, ValueError, KeyError):
        head = parse_inventory(_read(tier, object_id, INVENTORY)).head
        if head <= last or _digest(tier, object_id, last) != expected[last]:
            return {}
        digests = {number: _digest(tier, object_id, number) for number in range(last + 1, head + 1)}
        return {} if digests.items() <= coming.items() else digests
    return {}


def _digest(tier: Tier, object_id: ObjectId, number: int) -> bytes:
    return hashlib.sha512(_read(tier, object_id, f"v{number}/{INVENTORY}")).digest()


def _read(tier: Tier, object_id: ObjectId, path: str) -> bytes:
    with tier.open(object_id, path) as stream:
        return b"".join(blocks(stream, path))
