"""Repairs that wait for a tape: files put aside durably, written all together as one group, and from then on counted instead of the
earlier ones."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

from policies.phrases import phrase
from storage.errors import SpoolDamaged, StorageError, Unavailable
from storage.ocfl.layout import object_path
from storage.tape.bundles import Comment, Member, tar_size
from storage.tape.drive import BLOCK
from storage.tape.folder import Mend
from storage.tape.planning import inventories
from storage.tape.shelf import Shelf
from storage.tape.writing import MendPlan
from storage.tier import ObjectId

__all__ = ["write_mends"]

Append = Callable[[Shelf, Sequence[MendPlan]], tuple[Mapping[str, StorageError], set[tuple[str, int]]]]
"""Brings parts onto tapes: what went wrong by run ("" for all that are not counted), and (run, part) that are counted."""

_log = logging.getLogger("kho.tape")


def write_mends(shelf: Shelf, append: Append) -> dict[ObjectId, StorageError]:
    """Write everything that waits. Returns why, by object, what was not written was not: it goes on waiting, unless what was put aside is
    not what it was: then it is dropped, and the damage on the tape is found, and mended, again."""
    waiting = list(shelf.folder.mends())
    plans = list(_plans(shelf, waiting))
    failed, counted = append(shelf, plans)
    errors: dict[ObjectId, StorageError] = {}
    for plan in plans:
        run = plan.comment.run
        if (run, 1) not in counted:
            not_yet = Unavailable(shelf.folder.name, phrase("tape-not-yet"))
            errors[ObjectId(plan.comment.object_id)] = failed.get(run) or failed.get("") or not_yet
    for mend in waiting:
        error = errors.get(ObjectId(mend.object_id))
        if isinstance(error, SpoolDamaged):
            _log.error("a repair of %s that waited for a tape is given up: %s", mend.object_id, error)
        if error is None or isinstance(error, SpoolDamaged):
            shelf.folder.drop_mend(mend)
    return errors


def _plans(shelf: Shelf, waiting: Sequence[Mend]) -> Iterator[MendPlan]:
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
