"""Object lock: what makes a copy write-once, version id by version id, after its commit.

A lock is only ever made longer (COMPLIANCE mode knows nothing else), and it counts when the store was asked for it again and said so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from storage.errors import NotFound
from storage.s3.records import read_log
from storage.s3.root import Root

__all__ = ["lock", "locked_until"]

COMPLIANCE = "COMPLIANCE"


def lock(root: Root, object_id: str, until: datetime) -> datetime | None:
    """Lock the true version of every key of an object, and of its records, until ``until`` (whole seconds count); returns the
    earliest end that the store then gave, None where a key is still not locked. Raises NotFound, Refused, Unavailable."""
    until = until.replace(microsecond=0)

    def one(key: str, version: str) -> datetime | None:
        found = _lock_of(root, key, version)
        if found is None or found < until:
            root.bucket.lock(key, version, until)
            found = _lock_of(root, key, version)
        return found

    return _earliest(object_id, root.lanes.in_order(_each(root, object_id, one)))


def locked_until(root: Root, object_id: str) -> datetime | None:
    """Until when every key of an object is locked, as the store says now; None when one is not. Raises NotFound, Unavailable."""
    return _earliest(object_id, root.lanes.in_order(_each(root, object_id, partial(_lock_of, root))))


def _earliest(object_id: str, ends: Iterable[datetime | None]) -> datetime | None:
    first: datetime | None = None
    count = 0
    for end in ends:
        count += 1
        if end is None:
            return None
        first = min(first or end, end)
    if not count:
        raise NotFound(object_id)
    return first


def _each(root: Root, object_id: str, act: Callable[[str, str], datetime | None]) -> Iterator[Callable[[], datetime | None]]:
    log = read_log(root, object_id)
    folder = root.folder(object_id)
    for key, _, _ in root.bucket.current(folder):
        if version := log.get(key[len(folder) :]):
            yield partial(act, key, version)
    for entries in log.keys:
        if entries.oldest is not None:
            yield partial(act, entries.key, entries.oldest.version)


def _lock_of(root: Root, key: str, version: str) -> datetime | None:
    """The end of a COMPLIANCE lock; None when there is none, or one that can be taken off."""
    head = root.bucket.ask("head_object", key, VersionId=version)
    until = head.get("ObjectLockRetainUntilDate")
    return until if isinstance(until, datetime) and head.get("ObjectLockMode") == COMPLIANCE else None
