"""The folder of a tier on a local file system: where everything lies in it, and whether it is there at all.

``<tier>/kho-tier.json`` the marker, written last · ``ocfl/`` the storage root · ``canaries/`` a root for planted damage ·
``tmp/`` what is being written · ``quarantine/`` what was found and does not belong · ``lock`` byte-range locks.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import uuid
from dataclasses import dataclass

from policies.phrases import os_phrase, phrase
from storage import durable, locks
from storage.errors import AlreadyExists, Refused, Unavailable, from_os
from storage.ocfl.layout import EXTENSION, LAYOUT_FILE, HashedNTuple

__all__ = ["LAYOUT", "MARKER", "MARKER_VERSION", "ROOT", "TierFolder", "create_tier_folder", "make_storage_root"]

LAYOUT = HashedNTuple()
"""Where objects lie: the defaults of 0004, which every tier of Kho uses."""

LAYOUT_FILES = {
    "0=ocfl_1.1": b"ocfl_1.1\n",
    LAYOUT_FILE: LAYOUT.layout_json(),
    f"extensions/{EXTENSION}/config.json": LAYOUT.config_json(),
}
"""The files of a storage root that are no object's (OCFL 1.1 §4.1, §4.2)."""

ROOT = "ocfl"
"""The storage root in the folder of a tier (docs/on-disk.md)."""

MARKER = "kho-tier.json"
MARKER_VERSION = 1
"""Raised when the arrangement of a tier changes so that older programs must keep away (docs/on-disk.md)."""

MARKER_LIMIT = 64 * 1024
"""Bytes; a marker is one line. More is not ours."""


@dataclass(frozen=True, slots=True)
class _Identity:
    """What a marker said, and the file it was read from, so that it is parsed again only when it changed."""

    name: str
    identifier: str
    stamp: tuple[int, int, int, int]


class TierFolder:
    """Paths of one tier. Nothing is touched before `check` has seen the marker: an empty mount point is not an empty tier."""

    def __init__(self, path: str, name: str, identifier: str | None = None, root: str = ROOT) -> None:
        self.path = path
        self.name = name
        self.ocfl = os.path.join(path, root)
        self.tmp = os.path.join(path, "tmp")
        self.quarantine = os.path.join(path, "quarantine")
        self.lock = os.path.join(path, "lock")
        self._identifier = identifier
        self._known: _Identity | None = None
        self._last_root: tuple[str, str] | None = None

    def check(self) -> None:
        """Raises Unavailable unless the marker of this very tier and its storage root are there, and may be read."""
        marker = os.path.join(self.path, MARKER)
        try:
            found = os.stat(marker, follow_symlinks=False)
            stamp = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
            if self._known is None or self._known.stamp != stamp:
                self._known = self._read(marker, stamp)
            os.stat(self.ocfl, follow_symlinks=False)
            if not os.access(self.ocfl, os.R_OK | os.X_OK, effective_ids=True):  # else every copy would be told of as unreadable
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.ocfl)
        except OSError as error:
            raise Unavailable(
                self.path, phrase("tier-not-mounted", why=os_phrase(error), path=os.fsdecode(error.filename or ""))
            ) from error

    def _read(self, marker: str, stamp: tuple[int, int, int, int]) -> _Identity:
        descriptor = os.open(marker, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            data = os.read(descriptor, MARKER_LIMIT)
        finally:
            os.close(descriptor)
        try:
            found = json.loads(data)
            version, name, identifier = int(found["kho_tier"]), str(found["name"]), str(found["uuid"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(marker, phrase("marker-damaged")) from error
        if version != MARKER_VERSION:
            raise Unavailable(marker, phrase("tier-format", found=version, known=MARKER_VERSION))
        if name != self.name:
            raise Unavailable(marker, phrase("tier-name", found=name, expected=self.name))
        if self._identifier is None:
            self._identifier = identifier
        if identifier != self._identifier:
            raise Unavailable(marker, phrase("tier-other", found=identifier, expected=self._identifier))
        return _Identity(name, identifier, stamp)

    @property
    def identifier(self) -> str:
        """The tier's UUID. Raises Unavailable."""
        self.check()
        return self._identifier or ""

    def object_root(self, object_id: str) -> str:
        known = self._last_root
        if known is None or known[0] != object_id:  # files of one object are asked for one after another
            known = self._last_root = object_id, os.path.join(self.ocfl, LAYOUT.path(object_id))
        return known[1]

    def fresh(self) -> str:
        """A new name in the folder of temporary files."""
        return os.path.join(self.tmp, uuid.uuid4().hex)

    def hold(self, *object_ids: str) -> contextlib.AbstractContextManager[None]:
        return locks.hold(self.lock, map(locks.range_of, object_ids))

    def prune(self, folder: str) -> None:
        """Remove empty folders from ``folder`` up to the storage root, durably: OCFL roots may hold none (E073)."""
        removed = False
        while folder.startswith(self.ocfl + "/"):
            try:
                durable.rmdir(folder)
                removed = True
            except FileNotFoundError:
                pass
            except OSError:
                break
            folder = os.path.dirname(folder)
        if removed:
            durable.fsync_folder(folder)

    def folders_above(self, object_id: str) -> list[str]:
        """The object's folder and those above it, up to the storage root's."""
        folders = [self.object_root(object_id)]
        while folders[-1] != self.ocfl:
            folders.append(os.path.dirname(folders[-1]))
        return folders


def create_tier_folder(path: str, name: str) -> str:
    """Make an empty tier in a folder (made when it is not there), marker last; returns its UUID. Can be repeated.

    Raises:
        AlreadyExists: a tier is there. Refused: something else is there. Unavailable: could not write.
    """
    identifier = str(uuid.uuid4())
    try:
        os.makedirs(path, exist_ok=True)
        if os.path.lexists(os.path.join(path, MARKER)):
            raise AlreadyExists(path)
        for inner in (ROOT, "canaries", "quarantine", "tmp"):
            with contextlib.suppress(FileExistsError):
                durable.mkdir(os.path.join(path, inner))
        make_storage_root(path)
        marker = {"kho_tier": MARKER_VERSION, "name": name, "uuid": identifier}
        _durably(path, path, MARKER, json.dumps(marker, ensure_ascii=True).encode() + b"\n")
        durable.fsync_folder(os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise from_os(error, path) from error
    return identifier


def make_storage_root(tier: str, root: str = ROOT) -> None:
    """The declaration and layout of an OCFL 1.1 storage root (§4.1, §4.2) in the folder ``root`` of a tier; can be repeated while it
    is empty. Raises Refused."""
    top = os.path.join(tier, root)
    if strange := set(os.listdir(top)) - {relative.partition("/")[0] for relative in LAYOUT_FILES}:
        raise Refused(top, phrase("folder-not-empty", path=min(strange)))
    for relative, data in sorted(LAYOUT_FILES.items()):
        folder = top
        for segment in relative.split("/")[:-1]:
            parent, folder = folder, os.path.join(folder, segment)
            with contextlib.suppress(FileExistsError):
                durable.mkdir(folder)
            durable.fsync_folder(parent)
        _durably(tier, folder, relative.rpartition("/")[2], data)


def _durably(tier: str, folder: str, name: str, data: bytes) -> None:
    temporary = os.path.join(tier, "tmp", uuid.uuid4().hex)
    descriptor = durable.create(temporary)
    try:
        durable.write(descriptor, data)
        durable.fsync(descriptor)
    finally:
        durable.close(descriptor)
    durable.rename(temporary, os.path.join(folder, name))
    durable.fsync_folder(folder)
