"""Cold objects: asked for by RestoreObject, and read when the store has brought them. Only content is ever cold: inventories and records
stay in the store's default class, so that what an object holds can always be read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

from storage.errors import Cold, NotFound
from storage.s3.place import COLD
from storage.s3.records import read_log
from storage.s3.root import Root

__all__ = ["READABLE_FOR", "recall"]

READABLE_FOR = 7
"""Days for which what was brought can be read: long enough for a weekend between two audits."""

SPEED = "Bulk"
"""The cheapest way: up to twelve hours, two days from DEEP_ARCHIVE. Audits have time."""


def recall(root: Root, object_id: str) -> int:
    """Ask for every cold key of an object that was not asked for yet; how many cannot be read yet. Raises Unavailable, Refused."""
    return sum(root.lanes.in_order(_each(root, object_id)))


def _each(root: Root, object_id: str) -> Iterator[Callable[[], int]]:
    log = read_log(root, object_id)
    folder = root.folder(object_id)
    for key, _, _ in root.bucket.current(folder):
        yield partial(_one, root, key, log.get(key[len(folder) :]))


def _one(root: Root, key: str, version: str) -> int:
    which = {"VersionId": version} if version else {}
    try:
        head = root.bucket.ask("head_object", key, **which)
    except NotFound:
        return 0
    if head.get("StorageClass") not in COLD:
        return 0
    state = str(head.get("Restore", ""))
    if not state:
        request = {"Days": READABLE_FOR, "GlacierJobParameters": {"Tier": SPEED}}
        with contextlib.suppress(Cold):  # another process asked for it since we looked
            root.bucket.ask("restore_object", key, RestoreRequest=request, **which)
        return 1
    return 1 if 'ongoing-request="true"' in state else 0
