"""What is to be written: whether a version fits what is there, and repairs put together by object."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence

from policies.phrases import phrase
from storage.errors import Conflict
from storage.ocfl.layout import object_path
from storage.tape.bundles import Comment, Member, tar_size
from storage.tape.drive import BLOCK
from storage.tape.folder import Mend
from storage.tape.shelf import Shelf
from storage.tape.writing import MendPlan
from storage.tier import ObjectId, SealedVersion, Written

__all__ = ["conflict", "in_sequence", "inventories", "mend_plans"]


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


def mend_plans(shelf: Shelf, waiting: Sequence[Mend]) -> Iterator[MendPlan]:
    """One part an object; of several repairs of one path the last counts."""
    by_object: dict[str, dict[str, Mend]] = {}
    for mend in waiting:
        by_object.setdefault(mend.object_id, {})[mend.path] = mend
    for object_id, mends in by_object.items():
        have = inventories(shelf, ObjectId(object_id))
        newest = max(have, default=0)
        digest = have.get(newest, bytes(64)).hex()
        comment = Comment(object_id, newest, 1, 1, uuid.uuid4().hex, digest, "mend")
        members = tuple(Member(path, mend.size, mend.sha512, source=mend.file) for path, mend in sorted(mends.items()))
        size = sum(tar_size(f"{object_path(object_id)}/{each.path}", each.size) for each in members) + BLOCK
        yield MendPlan(comment, members, size)
