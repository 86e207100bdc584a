"""`S3Tier`: a tier in a bucket of an S3 store."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from fixity.verify import FixityReport
from policies.phrases import os_phrase, phrase
from storage.errors import AlreadyExists, Cold, NotFound, Refused, StorageError, Unavailable
from storage.ocfl.layout import LAYOUT_FILES, object_path
from storage.ocfl.objects import INVENTORY
from storage.retrying import Again
from storage.s3 import locking, mending
from storage.s3.bucket import Bucket
from storage.s3.calls import BotoCalls, Calls, RetryingCalls
from storage.s3.commit import Commit
from storage.s3.lanes import CONCURRENCY, Lanes
from storage.s3.listing import list_objects
from storage.s3.marker import is_there, read_marker, unmake, write_marker
from storage.s3.place import S3Place
from storage.s3.reading import open_version
from storage.s3.recall import recall
from storage.s3.records import Log, read_log
from storage.s3.reread import SETTLED_AFTER, S3Reread
from storage.s3.root import OCFL, Root
from storage.s3.selftest import check_store
from storage.s3.sweeping import Expected, Sweep, Unsure, Vouched, Waste, remove
from storage.tier import ObjectId, ObjectVersion, Passing, SealedVersion, Straying, Written, nowhere

__all__ = ["S3Tier"]

REMEMBERED = 10.0
"""Seconds for which a log that was read is used again to open files. A version that it names stays readable, whatever comes later."""

LOGS = 4
"""Logs that are remembered; one of a million keys has 90 MB."""

OBJECTS = 4
"""Objects that are written side by side: each waits for some ten answers one after another."""


class S3Tier:
    """The tier ``name`` in a bucket. Opening one asks nothing of it; a store that is away makes every method raise Unavailable.

    ``identifier`` is the UUID its marker must have (None: whatever is found first). Before the first write of a process the store
    is tried (`storage.s3.selftest`); one that does not keep what Kho builds on is refused.
    """

    def __init__(
        self,
        place: S3Place,
        name: str,
        *,
        identifier: str | None = None,
        calls: Calls | None = None,
        again: Again | None = None,
        concurrency: int = CONCURRENCY,
        settled_after: float = SETTLED_AFTER,
    ) -> None:
        self.name = name
        self.place = place
        self._identifier = identifier
        self._settled_after = settled_after
        self._tried = threading.Lock(), [False]
        bucket = Bucket(place, RetryingCalls(calls or BotoCalls(place), again or Again()))
        self._logs: dict[str, tuple[float, Log]] = {}
        self._root = Root(name, bucket, Lanes(concurrency))

    @classmethod
    def create(cls, place: S3Place, name: str, *, calls: Calls | None = None) -> S3Tier:
        """Make an empty tier in a bucket that is there; its marker last. Raises AlreadyExists, Unfit, Refused, Unavailable."""
        tier = cls(place, name, calls=calls)
        bucket = tier._root.bucket
        if is_there(bucket):
            raise AlreadyExists(place.url)
        tier._try()
        for path, data in LAYOUT_FILES.items():
            try:
                bucket.create(f"{OCFL}/{path}", data)
            except AlreadyExists:  # from a making that was stopped, and then it is the same
                if bucket.block(f"{OCFL}/{path}").data != data:
                    raise
        tier._identifier = write_marker(bucket, name)
        return tier

    def unmake(self) -> None:
        """Take back the making of a tier that holds nothing yet. Raises Unavailable, Refused."""
        unmake(self._root.bucket, self.name)

    @property
    def identifier(self) -> str:
        """The UUID in the tier's marker. Raises Unavailable."""
        self.check()
        return self._identifier or ""

    def check(self) -> None:
        self._identifier = read_marker(self._root.bucket, self.name, self._identifier or "")

    def write(self, versions: Sequence[SealedVersion]) -> list[Written]:
        self._logs.clear()
        if not versions:
            return []
        self.check()
        self._try()
        objects: dict[str, list[int]] = {}
        for number, version in enumerate(versions):
            objects.setdefault(version.object_id, []).append(number)
        results: dict[int, Written] = {}

        def write_object(numbers: Sequence[int]) -> None:
            for number in numbers:
                results[number] = self._write(versions[number])

        with ThreadPoolExecutor(min(OBJECTS, len(objects)), "s3-object") as pool:
            list(pool.map(write_object, objects.values()))
        return [results[number] for number in range(len(versions))]

    def _write(self, version: SealedVersion) -> Written:
        try:
            Commit(self._root, version, storage_class=self.place.storage_class).run()
        except StorageError as error:
            return Written(version.object_id, version.number, error)
        return Written(version.object_id, version.number)

    def _try(self) -> None:
        """Try the store, once a process. Raises Unfit, Unavailable."""
        lock, done = self._tried
        with lock:
            if not done[0]:
                check_store(self._root.bucket, worm=self.place.worm, now=datetime.datetime.now(datetime.UTC))
                done[0] = True

    def verify(
        self,
        object_id: ObjectId,
        expected: Mapping[int, bytes],
        *,
        algorithm: str = "sha512",
        cold: bool = True,
        progress: Callable[[int], None] | None = None,
        since: int = 1,
    ) -> FixityReport:
        """``cold`` has no meaning here: what caches a store has cannot be known. What lies in a cold storage class is asked for, and
        Cold raised: it can be read hours later."""
        self.check()
        check = S3Reread(
            self._root,
            object_id,
            expected,
            algorithm=algorithm,
            since=since,
            progress=progress,
            settled_after=self._settled_after,
        )
        try:
            report = check.run()
        except Cold as error:
            waiting = recall(self._root, object_id)
            raise Cold(object_id, phrase("s3-cold-asked", waiting=waiting)) from error
        except (Refused, NotFound, AlreadyExists) as error:  # no answer about the bytes
            raise Unavailable(object_id, str(error.finding.args.get("reason", "") or error)) from error
        if not report.ok:
            self.check()  # a tier that went away while it was read is no damage
        return report

    def versions(self, passing: Passing = nowhere, strays: Straying | None = None) -> Iterator[ObjectVersion]:
        self.check()
        yield from list_objects(self._root, passing, strays)
        self.check()

    def place_of(self, object_id: ObjectId) -> str:
        return object_path(object_id)

    def inventory(self, object_id: ObjectId) -> bytes:
        with self.open(object_id, INVENTORY) as stream:
            try:
                return stream.read()
            except OSError as error:
                raise Unavailable(object_id, os_phrase(error)) from error

    def open(self, object_id: ObjectId, path: str) -> BinaryIO:
        """The version that is recorded, whatever was put over it; where none is recorded, what is current."""
        key = self._root.key(object_id, path)
        try:
            version = self._log_of(object_id).get(path)
            return open_version(self._root.bucket, self._root.lanes, key, version)
        except NotFound:
            self.check()
            raise

    def _log_of(self, object_id: ObjectId) -> Log:
        """The object's log as it was at most `REMEMBERED` seconds ago: whoever reads an object reads many of its files."""
        known = self._logs.get(object_id)
        if known is None or time.monotonic() - known[0] > REMEMBERED:
            if len(self._logs) >= LOGS:
                self._logs.clear()
            known = self._logs[object_id] = time.monotonic(), read_log(self._root, object_id)
        return known[1]

    def restore(self, object_id: ObjectId, path: str, source: BinaryIO, sha512: bytes) -> None:
        self._logs.clear()
        self.check()
        mending.restore(self._root, object_id, path, source, sha512)

    def quarantine(self, object_id: ObjectId, path: str) -> str:
        self._logs.clear()
        self.check()
        return mending.quarantine(self._root, object_id, path, tier=self.name)

    def forget(self, object_id: ObjectId) -> None:
        self._logs.clear()
        self.check()
        mending.forget(self._root, object_id)

    @property
    def cold(self) -> bool:
        """`storage.tier.RecallingTier.cold`."""
        return self.place.cold

    def recall(self, object_id: ObjectId) -> int:
        """`storage.tier.RecallingTier.recall`."""
        self.check()
        return recall(self._root, object_id)

    def lock(self, object_id: ObjectId, until: datetime.datetime) -> datetime.datetime | None:
        """`storage.tier.WriteOnceTier.lock`."""
        self.check()
        return locking.lock(self._root, object_id, until)

    def locked_until(self, object_id: ObjectId) -> datetime.datetime | None:
        """`storage.tier.WriteOnceTier.locked_until`."""
        self.check()
        return locking.locked_until(self._root, object_id)

    def sweep(self, before: datetime.datetime, *, vouched: Vouched, expected: Expected) -> Iterator[Waste | Unsure]:
        """What may be taken away, as `storage.s3.sweeping` says."""
        self.check()
        yield from Sweep(self._root, before, vouched=vouched, expected=expected).run()

    def remove(self, waste: Waste) -> None:
        """Take one key away for good. Raises Refused where this credential may not, or it is locked; Unavailable."""
        remove(self._root.bucket, waste)

    def close(self) -> None:
        """End the threads."""
        self._root.lanes.close()
