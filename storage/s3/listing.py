"""What objects a bucket holds, from the bucket and nothing else."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator

from policies.phrases import phrase
from storage.errors import Damaged, NotFound, StorageError
from storage.ocfl.documents import BadJson
from storage.ocfl.expectations import HashedStream
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.layout import LAYOUT_FILES, object_path
from storage.ocfl.listing import id_and_head
from storage.ocfl.objects import DECLARATION, INVENTORY, SIDECAR
from storage.ocfl.reread import version_of
from storage.s3.bucket import Entries
from storage.s3.reading import fingerprint, open_version
from storage.s3.records import read_log
from storage.s3.root import OCFL, Root
from storage.tier import ObjectId, ObjectVersion, Passing, Straying, nowhere

__all__ = ["ABANDONED_AFTER", "list_objects", "place_of"]

ABANDONED_AFTER = datetime.timedelta(days=7)
"""For so long content without any inventory is that of a writer on its way; then it is a stray."""

DEPTH = 4
"""Folders from the storage root to an object's files, as the layout puts them."""


def list_objects(root: Root, passing: Passing = nowhere, strays: Straying | None = None) -> Iterator[ObjectVersion]:
    """Every object below the storage root but those passed over. One whose inventories are all hidden is told of, unless it was
    disposed of. ``strays`` is told of current keys that belong to no object, from the same listing: where that told of an inventory,
    nothing more is asked."""
    for place, group in itertools.groupby(root.bucket.versions(f"{OCFL}/"), key=lambda each: place_of(each.key)):
        if not place:
            if strays is not None:
                _tell_of_keys(root, group, strays)
            continue
        passed = passing(place)
        if passed and strays is None:
            continue
        told = _told(root, place, group)
        if not told:
            if strays is not None:
                _tell_of_content(root, place, strays)
        elif not passed and (found := _read(root, place, told)) is not None:
            yield found


def _tell_of_keys(root: Root, group: Iterable[Entries], strays: Straying) -> None:
    """Of those that lie in no object's folder."""
    for each in group:
        path = each.key[len(OCFL) + 1 :]
        if path not in LAYOUT_FILES and _is_current(root, each):
            strays(path)


def _is_current(root: Root, entries: Entries) -> bool:
    """Whether a plain GET gives the key; asked only where the listing left out which entry is the latest."""
    if entries.latest is not None:
        return not entries.latest.marker
    try:
        root.bucket.ask("head_object", entries.key)
    except NotFound:
        return False
    return True


def _tell_of_content(root: Root, place: str, strays: Straying) -> None:
    """Of what lies in a place without any inventory, once it is too old to be that of a writer on its way."""
    old = datetime.datetime.now(datetime.UTC) - ABANDONED_AFTER
    for key, _, modified in root.bucket.current(f"{OCFL}/{place}/"):
        if modified <= old:
            strays(key[len(OCFL) + 1 :])


def place_of(key: str) -> str:
    """The object's folder that a key lies in, from the storage root; "" for what lies in none."""
    parts = key.split("/")[1:]
    return "/".join(parts[:DEPTH]) if len(parts) > DEPTH and parts[0] != "extensions" else ""


def _told(root: Root, place: str, group: Iterable[Entries]) -> list[Entries]:
    """The root files and inventories in an object's folder, hidden ones too; none when it has no inventory: a writer is on its way, or
    was stopped, and nothing was promised. A listing that told of no inventory may have left it out."""
    for entries in (group, root.bucket.versions(f"{OCFL}/{place}/")):
        told = [each for each in entries if _is_fixed(each.key, place)]
        if any(_is_inventory(each.key, place) for each in told):
            return told
    return []


def _is_fixed(key: str, place: str) -> bool:
    path = key[len(OCFL) + len(place) + 2 :]
    return "/" not in path or _is_inventory(key, place)


def _is_inventory(key: str, place: str) -> bool:
    folder, _, name = key[len(OCFL) + len(place) + 2 :].rpartition("/")
    return name == INVENTORY and (not folder or version_of(folder) is not None)


def _read(root: Root, place: str, told: list[Entries]) -> ObjectVersion | None:
    """One object as its root inventory tells it; None when it is a first version on its way, or was disposed of."""
    start = len(OCFL) + len(place) + 2
    latest = {each.key[start:]: each.latest for each in told}
    numbers = [version_of(path.partition("/")[0]) or 0 for path, seen in latest.items() if seen is None or not seen.marker]
    newest = max(numbers, default=0)
    try:
        digest, object_id, head = _identify(root, place, INVENTORY)
    except StorageError as error:
        object_id = _any_id(root, place, told)
        if isinstance(error, NotFound):
            log = read_log(root, object_id)
            if log.forgotten or (INVENTORY not in latest and not log.number):
                return None  # disposed of; or a first version on its way
            error = Damaged(place, phrase("s3-root-hidden"))
        return ObjectVersion(ObjectId(object_id), newest, b"", error, place)
    reason = _doubt(root, place, max(newest, head), digest, object_id, head)
    return ObjectVersion(ObjectId(object_id), head, digest, Damaged(place, reason) if reason else None, place)


def _identify(root: Root, place: str, path: str, version: str = "") -> tuple[bytes, str, int]:
    """(SHA-512, id, head) of an inventory. Raises NotFound, Damaged, Unavailable."""
    with open_version(root.bucket, root.lanes, f"{OCFL}/{place}/{path}", version) as raw:
        stream = HashedStream(raw)
        try:
            object_id, head = id_and_head(stream)
        except (BadJson, ValueError) as error:
            raise Damaged(path, phrase("inventory-damaged", why=str(error))) from error
        except OSError as error:
            if isinstance(error.__cause__, StorageError):
                raise error.__cause__ from error
            raise
        return stream.finish(), object_id, head


def _doubt(root: Root, place: str, newest: int, digest: bytes, object_id: str, head: int) -> str:
    """Why the object's own files contradict each other; "" when they do not. Raises Unavailable."""
    if object_path(object_id) != place:
        return phrase("not-its-place", id=object_id)
    if head != newest and not (head < newest and read_log(root, object_id).number <= head):  # else an unfinished commit
        return phrase("head-not-newest", head=head, newest=newest)
    top = f"{OCFL}/{place}"
    try:
        root.bucket.ask("head_object", f"{top}/{DECLARATION}")
    except NotFound:
        return phrase("no-declaration")
    try:
        if fingerprint(root.bucket, root.lanes, f"{top}/v{head}/{INVENTORY}").digest != digest:
            return phrase("root-not-of-head", head=head)
    except NotFound:
        return phrase("s3-inventory-hidden", version=head)
    if not any(_has_sidecar(root, f"{top}/{folder}{SIDECAR}", digest) for folder in ("", f"v{head}/")):
        return phrase("not-its-sidecars")
    return ""


def _has_sidecar(root: Root, key: str, digest: bytes) -> bool:
    try:
        return root.bucket.block(key).data == sidecar_text(digest)
    except NotFound:
        return False


def _any_id(root: Root, place: str, told: list[Entries]) -> str:
    """The id that some version of some inventory gives, hidden ones too; "" when none does. Only a hint."""
    for each in told:
        if each.key.endswith(f"/{INVENTORY}") and each.oldest is not None:
            try:
                return _identify(root, place, each.key[len(OCFL) + len(place) + 2 :], each.oldest.version)[1]
            except (StorageError, OSError):
                continue
    return ""
