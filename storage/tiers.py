"""Keeping sealed versions on a tier: write, re-read from the medium, count. Only here does a copy become one that counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fixity.digests import LARGE_BUFFER
from fixity.verify import FixityReport
from storage.errors import StorageError
from storage.ocfl.inventory import parse_inventory
from storage.tier import ObjectId, SealedVersion, Tier
from storage.verifiers import Check, Found, in_turn

__all__ = ["Kept", "keep_on"]


Verify = Callable[[Sequence[Check], Callable[[int], None]], Iterator[tuple[Check, Found]]]
"""How checks are run: each with what was found, in their order."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one tier holds of one version, after it was re-read. ``report`` is None when that did not come about: then ``error``
    says why."""

    tier: str
    object_id: ObjectId
    number: int
    report: FixityReport | None = None
    error: StorageError | None = None

    @property
    def counts(self) -> bool:
        """Whether this is a copy: written durably, re-read whole, every file as it was sealed."""
        return self.error is None and self.report is not None and self.report.ok


def keep_on(
    tier: Tier,
    versions: Sequence[SealedVersion],
    *,
    algorithm: str = "sha256",
    progress: Callable[[int], None] | None = None,
    verify: Verify = in_turn,
) -> list[Kept]:
    """Write ``versions`` as one batch and re-read each from the medium: its content and inventories, and the root files.

    A version that was there already is re-read all the same. Several versions of one object are re-read together and share a
    report. Results are in the order of ``versions``. Never raises for one version, nor for a tier that is not there.

    ``verify`` may re-read several copies at once (`storage.verifiers.Verifiers.verify`).

    ``algorithm``: sha256 is enough for what was hashed with SHA-512 on its way in, where the fixity block has it.
    """
    try:
        written = tier.write(versions)
    except StorageError as error:
        return [Kept(tier.name, version.object_id, version.number, error=error) for version in versions]
    expected: dict[ObjectId, dict[int, bytes]] = {}
    for version, result in zip(versions, written, strict=True):
        if result.error is None:
            expected.setdefault(version.object_id, {})[version.number] = version.inventory_sha512
    sizes = {version.object_id: version.bytes for version in versions}
    checks = [
        Check(tier, object_id, digests, algorithm, sizes[object_id], since=min(digests))
        for object_id, digests in expected.items()
    ]
    reports = {check.object_id: _judged(check, found, progress) for check, found in verify(checks, progress or _quiet)}
    pairs = zip(versions, written, strict=True)
    return [_kept(tier.name, version, result.error or reports[version.object_id]) for version, result in pairs]


def _kept(tier: str, version: SealedVersion, found: Found) -> Kept:
    if isinstance(found, StorageError):
        return Kept(tier, version.object_id, version.number, error=found)
    return Kept(tier, version.object_id, version.number, found)


def _judged(check: Check, found: Found, progress: Callable[[int], None] | None) -> Found:
    """An old version that is kept again after newer ones were: they have to be sound, but they are not ours to vouch for."""
    last = max(check.expected)
    if isinstance(found, StorageError) or found.ok or found.inventory_sha512 in ("", check.expected[last].hex()):
        return found
    newer = _newer(check.tier, check.object_id, last)
    return replace(check, expected={**newer, **check.expected}).run(progress or _quiet) if newer else found


def _quiet(count: int) -> None:
    return None


def _newer(tier: Tier, object_id: ObjectId, number: int) -> dict[int, bytes]:
    """The inventory digests of versions after ``number`` as the tier has them; none when its root inventory is not sound."""
    try:
        head = parse_inventory(tier.inventory(object_id)).head
        return {each: _sha512(tier, object_id, f"v{each}/inventory.json") for each in range(number + 1, head + 1)}
    except (StorageError, OSError):
        return {}


def _sha512(tier: Tier, object_id: ObjectId, path: str) -> bytes:
    hasher = hashlib.sha512(usedforsecurity=False)
    with tier.open(object_id, path) as stream:
        while chunk := stream.read(LARGE_BUFFER):
            hasher.update(chunk)
    return hasher.digest()
