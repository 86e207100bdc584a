"""What objects a storage root holds, from the medium and nothing else."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policies.phrases import os_phrase, phrase
from storage.beneath import folder_beneath, folder_inside, open_beneath
from storage.errors import Damaged, StorageError, Unavailable, from_os
from storage.ocfl.documents import BadJson, Members, read_json
from storage.ocfl.expectations import HashedStream
from storage.ocfl.folder import LAYOUT, LAYOUT_FILES, TierFolder
from storage.ocfl.objects import DECLARATION, INVENTORY, digest_at
from storage.ocfl.recovery import has_sidecar
from storage.tier import ObjectId, ObjectVersion, Passing, Straying, nowhere

__all__ = ["EMPTY_FOR", "id_and_head", "list_folders", "list_objects"]

_VERSION = re.compile(r"v([1-9][0-9]{0,17})", re.ASCII)

_OF_OBJECT = re.compile(rf"0=ocfl_object.*|{re.escape(INVENTORY)}|{_VERSION.pattern}", re.ASCII | re.DOTALL)
"""What lies in an object and nowhere else. One expression: it is asked of every folder between the objects."""

_TUPLE = re.compile(rf"[0-9a-f]{{{LAYOUT.size}}}", re.ASCII)
"""A folder above objects, as the layout names them."""

EMPTY_FOR = 3600.0
"""Seconds for which an empty folder that the layout could have made is no stray while a batch is at work, which may be about to fill it."""

_OWN = {name.partition("/")[0] for name in LAYOUT_FILES}
"""What lies in the root and is no object's."""

_EXTENSIONS = "extensions"
"""The one among them that is a folder in which something may lie."""

_OWN_FOLDERS = {name[:end] for name in LAYOUT_FILES for end in range(len(name)) if name[end] == "/"}
"""Folders of the root's own files: one that is empty lost its file, which is one fact and not two."""


def list_folders(tier: TierFolder) -> list[str]:
    """The folders directly in the storage root below which objects may lie, in the order of `list_objects`. Raises Unavailable when the
    root cannot be read."""
    try:
        with os.scandir(tier.ocfl) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name not in _OWN)
    except OSError as error:
        raise Unavailable(tier.ocfl, os_phrase(error)) from error


def list_objects(
    tier: TierFolder, passing: Passing = nowhere, strays: Straying | None = None, only: Sequence[str] | None = None
) -> Iterator[ObjectVersion]:
    """Every object below the storage root (or in ``only`` some of its `list_folders`), by the order of its folders; folders for which
    ``passing`` is true are passed over. ``strays`` is told of what lies between, in the same order. Raises Unavailable when the root
    cannot be read.

    A folder is an object's when it lies as deep as the layout puts objects, or has an object's declaration, inventory or version
    folders: damage to any of them must not hide it.
    """
    try:
        with folder_beneath(tier.ocfl, "") as descriptor:
            yield from _Walk(tier, passing, strays).objects("", descriptor, 0, only)
    except FileNotFoundError:
        return  # taken away while we walked, which the tier's marker shows
    except OSError as error:
        raise Unavailable(tier.ocfl, os_phrase(error)) from error


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk through a storage root, in which each folder is listed once: what tells an object tells what is none."""

    tier: TierFolder
    passing: Passing
    strays: Straying | None

    def objects(self, folder: str, descriptor: int, depth: int, only: Sequence[str] | None = None) -> Iterator[ObjectVersion]:
        """`list_objects` of an open folder, ``depth`` below the root: that each is opened in the one above it spares the way from the
        root. OSError when it cannot be looked into."""
        here = _entries(descriptor) if only is None else [(name, True) for name in only]
        if depth and (depth > LAYOUT.count or _is_object(name for name, _ in here)):
            yield _read(_Place(self.tier, folder, descriptor, here))
            return
        if self.strays is not None:
            self._tell(self.strays, folder, descriptor, here)
        for name, is_folder in here:
            inner = f"{folder}/{name}" if folder else name
            if not depth and name in _OWN:
                if self.strays is not None and is_folder and name == _EXTENSIONS:
                    self._tell_of_extensions(self.strays)
                continue
            if not is_folder or (depth == LAYOUT.count and self.passing(inner)):
                continue
            try:
                opened = folder_inside(descriptor, name)
                try:
                    yield from self.objects(inner, opened, depth + 1)
                finally:
                    os.close(opened)
            except FileNotFoundError:
                continue  # disposed of while we walked
            except OSError as error:
                yield ObjectVersion(ObjectId(""), 0, b"", from_os(error, inner), inner)

    def _tell_of_extensions(self, strays: Straying) -> None:
        """Of those below the folder of extensions: each is opened from the root, for nobody knows how deep somebody has nested them."""
        waiting = [_EXTENSIONS]
        while waiting:
            folder = waiting.pop()
            try:
                with folder_beneath(self.tier.ocfl, folder) as descriptor:
                    here = _entries(descriptor)
                    self._tell(strays, folder, descriptor, here)
            except OSError:
                continue
            inner = [f"{folder}/{name}" for name, is_folder in here if is_folder]
            waiting += [path for path in reversed(inner) if path not in LAYOUT_FILES]

    def _tell(self, strays: Straying, folder: str, descriptor: int, here: list[tuple[str, bool]]) -> None:
        """Of the strays that lie in an open folder which is no object's, or of itself. OSError as it is."""
        if folder and not here and folder not in _OWN_FOLDERS:
            made_by_layout = _TUPLE.fullmatch(folder.rpartition("/")[2])
            age = time.time() - os.fstat(descriptor).st_mtime
            if age > EMPTY_FOR or not made_by_layout or _stays_empty(self.tier, folder):
                strays(folder)
        for name, is_folder in here:
            if not is_folder and (path := f"{folder}/{name}" if folder else name) not in LAYOUT_FILES:
                strays(path)  # of the root's own files, whatever they are, `root_files` judges


def _entries(descriptor: int) -> list[tuple[str, bool]]:
    """What lies in an open folder, by name, and whether each is a folder. OSError as it is."""
    with os.scandir(descriptor) as entries:
        return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)


def _stays_empty(tier: TierFolder, folder: str) -> bool:
    """Whether a folder that was seen empty belongs to no batch: none is at work, and after that was seen the folder is still empty.
    (A batch has its folder in tmp before it makes any here, and until all of them are filled or gone.)"""
    try:
        if os.listdir(tier.tmp):
            return False
        with folder_beneath(tier.ocfl, folder) as descriptor:
            return not os.listdir(descriptor)
    except OSError:
        return False


def _is_object(names: Iterable[str]) -> bool:
    return any(map(_OF_OBJECT.fullmatch, names))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an object may lie: an open folder, and what is directly in it (name, whether it is a folder)."""

    tier: TierFolder
    path: str
    descriptor: int
    here: list[tuple[str, bool]]

    @property
    def newest(self) -> int:
        """The number of the newest version folder; 0 when there is none."""
        return max((int(found[1]) for name, inner in self.here if inner and (found := _VERSION.fullmatch(name))), default=0)


def _read(place: _Place) -> ObjectVersion:
    """One object as its root inventory tells it; with ``problem`` where that cannot be believed."""
    try:
        digest, object_id, head = _identify(place, INVENTORY)
        reason = _doubt(place, digest, object_id, head)
    except StorageError as error:
        return ObjectVersion(_any_id(place), place.newest, b"", error, place.path)
    except OSError as error:
        return ObjectVersion(_any_id(place), place.newest, b"", from_os(error, place.path), place.path)
    return ObjectVersion(ObjectId(object_id), head, digest, Damaged(place.path, reason) if reason else None, place.path)


def _identify(place: _Place, path: str) -> tuple[bytes, str, int]:
    """(SHA-512, id, head) of an inventory. Raises Damaged when it is not there or is no inventory; OSError as it is."""
    try:
        descriptor = open_beneath(place.descriptor, path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Damaged(path, phrase("no-inventory")) from error
    with io.FileIO(descriptor) as raw:
        stream = HashedStream(raw)
        try:
            object_id, head = id_and_head(stream)
        except (BadJson, ValueError) as error:
            raise Damaged(path, phrase("inventory-damaged", why=str(error))) from error
        return stream.finish(), object_id, head


def id_and_head(stream: HashedStream) -> tuple[str, int]:
    """The id and the number of the head that an inventory gives. Raises BadJson, ValueError, OSError."""
    document: Any = read_json(stream)  # type: ignore[arg-type]
    found: dict[str, str] = {}
    if isinstance(document, dict | Members):
        for key, value in document.items():
            if key in ("id", "head") and isinstance(value, str):
                found[key] = value
            if len(found) == 2:
                break
    head = _VERSION.fullmatch(found.get("head", ""))
    if head is None or not found.get("id"):
        raise ValueError(phrase("no-id-no-head"))
    return found["id"], int(head[1])


def _doubt(place: _Place, digest: bytes, object_id: str, head: int) -> str:
    """Why the object's own files contradict each other; "" when they do not. OSError as it is."""
    if LAYOUT.path(object_id) != place.path:
        return phrase("not-its-place", id=object_id)
    if head != place.newest:
        return phrase("head-not-newest", head=head, newest=place.newest)
    if all(name != DECLARATION for name, _ in place.here):
        return phrase("no-declaration")
    # Two witnesses beside the root inventory; a lagging sidecar alone is an unfinished commit.
    if digest_at(place.descriptor, f"v{head}/{INVENTORY}") != digest:
        return phrase("root-not-of-head", head=head)
    if not has_sidecar(place.descriptor, digest) and not has_sidecar(place.descriptor, digest, f"v{head}/"):
        return phrase("not-its-sidecars")
    return ""


def _any_id(place: _Place) -> ObjectId:
    """The id some version's inventory gives; "" when none does. Only a hint: the object has a problem."""
    for number in range(min(place.newest, 1000), 0, -1):
        try:
            return ObjectId(_identify(place, f"v{number}/{INVENTORY}")[1])
        except (StorageError, OSError):
            continue
    return ObjectId("")
