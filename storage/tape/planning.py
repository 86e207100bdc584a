"""What is to be written: whether a version fits what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.phrases import phrase
from storage.errors import Conflict, Refused, StorageError
from storage.tape.shelf import Shelf
from storage.tape.writing import Plan
from storage.tier import ObjectId, SealedVersion, Written

__all__ = ["conflict", "fitting", "in_sequence", "inventories"]


def inventories(shelf: Shelf, object_id: ObjectId) -> dict[int, bytes]:
    """Version → digest of its inventory, of the whole versions of an object that are there from the first on."""
    found = {part.version: part.inventory for part in shelf.register.parts_of(object_id) if part.kind == "version"}
    return dict(sorted(found.items()))


def conflict(version: SealedVersion, have: Mapping[int, bytes]) -> Conflict | None:
    if version.number in have:
        same = have[version.number] == version.inventory_sha512
        return None if same else Conflict(version.object_id, phrase("other-version-there", number=version.number))
    if version.number != max(have, default=0) + 1:
        return Conflict(version.object_id, phrase("version-is-newest", number=max(have, default=0)))
    if version.number > 1 and have[version.number - 1] != version.builds_on:
        return Conflict(version.object_id, phrase("builds-on-other", number=version.number - 1))
    return None


def fitting(plans: Sequence[Plan], most: int, name: str) -> tuple[list[Plan], dict[str, StorageError]]:
    """The parts of runs of which none is larger than what a cartridge takes (0: not known); and, by run, why the others are refused."""
    refused: dict[str, StorageError] = {
        plan.comment.run: Refused(name, phrase("tape-bundle-large")) for plan in plans if most and plan.size >= most
    }
    return [plan for plan in plans if plan.comment.run not in refused], refused


def in_sequence(results: Sequence[Written], versions: Sequence[SealedVersion]) -> list[Written]:
    """What builds on a version that failed has failed, too."""
    failed: set[ObjectId] = set()
    ended = []
    for version, result in zip(versions, results, strict=True):
        if result.error is None and version.object_id in failed:
            result = Written(version.object_id, version.number, Conflict(version.object_id, phrase("version-before-gone")))
        if result.error is not None:
            failed.add(version.object_id)
        ended.append(result)
    return ended
