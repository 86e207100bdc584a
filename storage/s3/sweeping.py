"""What is left in a bucket and only a credential that may delete versions can take away: uploads in parts that were broken off, content of
writers who lost or were stopped, and objects that were let go of.

Nothing is taken for waste because it is not told of. Content is, when its version folder's inventory (any version of it) does not
name it, no record of the object's log mentions it, and it is old; an object let go of is, when its log says so *and* the caller vouches for
it: who has the everyday credential can write into the log. What was put over a key, and what went to quarantine, stays: it is evidence.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from policies.phrases import phrase
from storage.errors import Damaged, NotFound, StorageError
from storage.ocfl.documents import BadJson
from storage.ocfl.expectations import content_digests
from storage.ocfl.layout import object_path
from storage.ocfl.objects import INVENTORY, SIDECAR
from storage.ocfl.reread import version_of
from storage.s3.bucket import Bucket, Entries
from storage.s3.errors import Faulty
from storage.s3.listing import place_of
from storage.s3.reading import open_version
from storage.s3.records import FORGET, entries_of
from storage.s3.root import OCFL, RECORDS, Root

__all__ = ["Sweep", "Unsure", "Waste", "WasteKind", "remove"]


class WasteKind(enum.Enum):
    UPLOAD = "upload"
    """An upload in parts that was never completed: no object, but paid for."""
    LEFTOVER = "leftover"
    """Content of a writer who lost a race or was stopped."""
    LET_GO = "let go"
    """A key of an object that was let go of."""


@dataclass(frozen=True, slots=True)
class Waste:
    """One key to be removed with all its ``versions`` (or uploads), of together ``size`` bytes, and the delete ``markers`` that hide
    them. ``object_id`` is known of what was let go of only."""

    kind: WasteKind
    key: str
    versions: tuple[str, ...]
    size: int = 0
    markers: tuple[str, ...] = ()
    object_id: str = ""

    @classmethod
    def of(cls, kind: WasteKind, entries: Entries, object_id: str = "") -> Waste:
        """All of a key."""
        versions = tuple(each.version for each in entries.seen if not each.marker)
        markers = tuple(each.version for each in entries.seen if each.marker)
        return cls(kind, entries.key, versions, sum(each.size for each in entries.seen), markers, object_id)


@dataclass(frozen=True, slots=True)
class Unsure:
    """An object of which nothing is taken away, because it cannot be told what it needs."""

    place: str
    error: StorageError


Vouched = Callable[[str], bool]
"""Whether an object (by its id) was let go of, as the caller knows from elsewhere."""

Expected = Callable[[str], int]
"""The newest version that the caller expects of the object at a place in the storage root; 0: of none it knows."""


class Sweep:
    """One walk through a tier. What changed after ``before`` is left alone: somebody may be on the way."""

    def __init__(self, root: Root, before: datetime, *, vouched: Vouched, expected: Expected) -> None:
        self._root = root
        self._before = before
        self._vouched = vouched
        self._expected = expected

    def run(self) -> Iterator[Waste | Unsure]:
        """What may be removed, in the order of keys. Raises Unavailable, Refused."""
        yield from self._uploads()
        for place, group in itertools.groupby(self._root.bucket.versions(f"{OCFL}/"), key=lambda each: place_of(each.key)):
            if place:
                yield from self._object(place, group)

    def _uploads(self) -> Iterator[Waste]:
        for key, upload, begun in self._root.bucket.uploads(""):
            if begun < self._before:
                yield Waste(WasteKind.UPLOAD, key, (upload,))

    def _object(self, place: str, group: Iterable[Entries]) -> Iterator[Waste | Unsure]:
        """Of one object. An error that concerns it alone ends what is said of it, and hides no other."""
        try:
            told = _Told(self._root, place)
            if told.let_go:
                if self._vouched(told.object_id):
                    yield from self._all(group, told.object_id)
                return
            for entries in group:
                if self._is_leftover(told, place, entries):
                    yield Waste.of(WasteKind.LEFTOVER, entries)
        except (Damaged, NotFound, Faulty) as error:
            yield Unsure(place, error)
        except OSError as error:  # of a stream: what the store said is below
            if isinstance(error.__cause__, Faulty):
                yield Unsure(place, error.__cause__)
            else:
                raise error.__cause__ or error from error

    def _all(self, group: Iterable[Entries], object_id: str) -> Iterator[Waste]:
        for entries in group:
            if all(each.modified < self._before for each in entries.seen):
                yield Waste.of(WasteKind.LET_GO, entries, object_id)

    def _is_leftover(self, told: _Told, place: str, entries: Entries) -> bool:
        path = entries.key[len(OCFL) + len(place) + 2 :]
        folder, _, rest = path.partition("/")
        number = version_of(folder)
        if number is None or rest in (INVENTORY, SIDECAR) or any(each.modified >= self._before for each in entries.seen):
            return False
        if told.mentions(path) or told.names(number, path):
            return False
        if number <= self._expected(place) and not told.has_inventory(number):
            raise Damaged(f"{place}/{folder}/{INVENTORY}", phrase("s3-sweep-no-inventory"))
        return True


class _Told:
    """What log and inventories of one object tell of its paths: a digest of 16 bytes each (an object may have a million).

    Raises Damaged where one of them cannot be understood.
    """

    def __init__(self, root: Root, place: str) -> None:
        self._root, self._place = root, place
        self._mentioned: set[bytes] = set()
        self._named: dict[int, set[bytes] | None] = {}
        self.object_id = ""
        self.let_go = False
        for entries in entries_of(root, f"{RECORDS}/{place}/"):
            self._read(entries)
        if self.let_go and object_path(self.object_id) != place:
            raise Damaged(place, phrase("not-its-place", id=self.object_id))

    def mentions(self, path: str) -> bool:
        return _digest(path) in self._mentioned

    def has_inventory(self, number: int) -> bool:
        return self._of(number) is not None

    def names(self, number: int, path: str) -> bool:
        return _digest(path) in (self._of(number) or ())

    def _read(self, entries: Entries) -> None:
        """Every version of a record, not only the one that counts: what any of them mentions stays."""
        for seen in entries.seen:
            if seen.marker:
                continue
            with open_version(self._root.bucket, self._root.lanes, entries.key, seen.version) as stream:
                try:
                    header = json.loads(stream.readline())
                    if entries.oldest is seen:
                        self.object_id, self.let_go = str(header["object"]), header["kind"] == FORGET
                    self._mentioned.update(_digest(json.loads(line)[0]) for line in stream)
                except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                    if entries.oldest is seen:
                        raise Damaged(entries.key, phrase("s3-sweep-record")) from error

    def _of(self, number: int) -> set[bytes] | None:
        if number not in self._named:
            self._named[number] = self._inventory(f"{OCFL}/{self._place}/v{number}/{INVENTORY}")
        return self._named[number]

    def _inventory(self, key: str) -> set[bytes] | None:
        """What any version of an inventory names; None when there is none."""
        try:
            entries = self._root.bucket.versions_of(key)
        except NotFound:
            return None
        found: set[bytes] = set()
        for seen in entries.seen:
            if not seen.marker:
                with open_version(self._root.bucket, self._root.lanes, key, seen.version) as stream:
                    try:
                        found.update(_digest(path) for path, _ in content_digests(stream))
                    except (BadJson, ValueError) as error:
                        if entries.oldest is seen:
                            raise Damaged(key, phrase("inventory-damaged", why=str(error))) from error
        return found


def _digest(path: str) -> bytes:
    return hashlib.blake2b(str(path).encode("utf-8", "surrogateescape"), digest_size=16).digest()


def remove(bucket: Bucket, waste: Waste) -> None:
    """Take a key away. Its delete markers go last and only when nothing is left below them: what stays must stay hidden. What is gone
    already is fine. Raises Refused (a version is locked, or the credential may not), Unavailable."""
    for version in (*waste.versions, *waste.markers):
        with contextlib.suppress(NotFound):
            if waste.kind is WasteKind.UPLOAD:
                bucket.ask("abort_multipart_upload", waste.key, UploadId=version)
            else:
                bucket.ask("delete_object", waste.key, VersionId=version)
