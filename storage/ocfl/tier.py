"""`LocalTier`: a tier on a local file system."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from fixity.verify import FixityReport, Problem
from policies.phrases import os_phrase, phrase
from storage import durable
from storage.beneath import check_path, folder_beneath, open_beneath
from storage.durable import Barrier
from storage.errors import NotFound, Refused, StorageError, Unavailable, from_os
from storage.ocfl import mending, root_files
from storage.ocfl.commit import write_batch
from storage.ocfl.folder import LAYOUT, ROOT, TierFolder, create_tier_folder, make_storage_root
from storage.ocfl.glance import glance_at
from storage.ocfl.layout import LAYOUT_FILE
from storage.ocfl.listing import list_folders, list_objects
from storage.ocfl.objects import INVENTORY
from storage.ocfl.quarantine import move_out
from storage.ocfl.recovery import recover
from storage.ocfl.visits import in_strides, visit
from storage.tier import Ask, Glance, ObjectId, ObjectVersion, Passing, SealedVersion, Straying, Written, nowhere

__all__ = ["LocalTier"]

CANARIES = "canaries"
"""The folder of a tier for planted damage."""


class LocalTier:
    """The tier ``name`` in the folder ``path``. Opening one settles what killed writers left.

    A tier that is not there may be opened: every method then raises Unavailable, until it is mounted. ``identifier`` is the UUID
    its marker must have (None: whatever is found first). ``link_from_spool`` takes the spool's files over as hard links where
    they lie on the same file system (docs/on-disk.md says when that is safe: for one tier of an archive at most).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        name: str,
        *,
        identifier: str | None = None,
        link_from_spool: bool = False,
        barrier: Callable[[str], Barrier] | None = None,
        root: str = ROOT,
    ) -> None:
        if sys.getfilesystemencoding().lower() != "utf-8":
            raise Refused(os.fspath(path), phrase("locale-not-utf8"))
        self.name = name
        self.place = (os.path.abspath(path), name, identifier, root)
        """What another process needs to open the same tier: path, name, identifier, and which storage root."""
        self._folder = TierFolder(os.path.abspath(path), name, identifier, root)
        self._link = link_from_spool
        self._barrier = barrier
        with contextlib.suppress(StorageError):
            self.recover()

    @classmethod
    def create(cls, path: str | os.PathLike[str], name: str) -> LocalTier:
        """Make an empty tier, in a folder that is empty or not there. Raises AlreadyExists, Refused, Unavailable."""
        return cls(path, name, identifier=create_tier_folder(os.path.abspath(path), name))

    @property
    def path(self) -> Path:
        return Path(self._folder.path)

    @property
    def root(self) -> Path:
        """The storage root."""
        return Path(self._folder.ocfl)

    def canaries(self) -> LocalTier:
        """The storage root for planted damage as a tier of its own: same medium, same ways, never among the archive's objects.

        Raises Unavailable, Refused."""
        self._folder.check()
        path, name, identifier, _ = self.place
        if not os.path.lexists(os.path.join(path, CANARIES, LAYOUT_FILE)):
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.join(path, CANARIES))
            make_storage_root(path, CANARIES)
        return LocalTier(path, name, identifier=identifier, barrier=self._barrier, root=CANARIES)

    @property
    def identifier(self) -> str:
        """The UUID in the tier's marker. Raises Unavailable."""
        return self._folder.identifier

    def recover(self) -> int:
        """Finish or take back what killed writers left; how many batches that were. Raises Unavailable."""
        self._folder.check()
        try:
            return recover(self._folder)
        except OSError as error:
            raise from_os(error, self._folder.path) from error

    def write(self, versions: Sequence[SealedVersion]) -> list[Written]:
        self.recover()
        barrier = self._barrier or durable.barrier_for(self._folder.ocfl)
        return write_batch(self._folder, versions, barrier=barrier, link=self._link)

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
        self._folder.check()
        (found,) = in_strides([visit(self._folder, Ask(object_id, expected, algorithm, since), cold=cold, progress=progress)])
        if isinstance(found, StorageError):
            raise found
        return found

    def verify_each(self, asks: Iterable[Ask], progress: Callable[[int], None] | None) -> Iterator[FixityReport | StorageError]:
        """`verify` of several objects, in their order: the device is asked for one while another is read."""
        try:
            self._folder.check()
        except StorageError as error:
            yield from (error for _ in asks)
        else:
            yield from in_strides(visit(self._folder, ask, cold=True, progress=progress) for ask in asks)

    def glance(self, object_id: ObjectId, expected: Mapping[int, bytes]) -> Glance:
        self._folder.check()
        try:
            with folder_beneath(self._folder.ocfl, LAYOUT.path(object_id)):  # no link on the way
                return glance_at(self._folder.object_root(object_id), expected)
        except (OSError, RecursionError) as error:
            self._folder.check()
            return Glance(0, 0, str(error))

    def versions(self, passing: Passing = nowhere, strays: Straying | None = None) -> Iterator[ObjectVersion]:
        self._folder.check()
        yield from list_objects(self._folder, passing, strays)
        self._folder.check()

    def folders(self) -> list[str]:
        """The folders directly in the storage root, in the order of `versions`, for whoever has them looked through side by side."""
        self._folder.check()
        return list_folders(self._folder)

    def versions_in(self, folders: Sequence[str]) -> list[ObjectVersion]:
        """`versions` of that which lies in some of the `folders`."""
        self._folder.check()
        found = list(list_objects(self._folder, only=folders))
        self._folder.check()
        return found

    def check(self) -> None:
        self._folder.check()

    def root_problems(self) -> list[Problem]:
        self._folder.check()
        found = list(root_files.problems(self._folder))
        self._folder.check()  # a tier that went away while it was read is no damage
        return found

    def mend_root(self, path: str) -> None:
        self.recover()
        root_files.mend(self._folder, path)

    def place_of(self, object_id: ObjectId) -> str:
        return LAYOUT.path(object_id)

    def inventory(self, object_id: ObjectId) -> bytes:
        with self.open(object_id, INVENTORY) as stream:
            try:
                return stream.read()
            except OSError as error:
                raise Unavailable(object_id, os_phrase(error)) from error

    def open(self, object_id: ObjectId, path: str) -> BinaryIO:
        self._folder.check()
        try:
            descriptor = open_beneath(self._folder.ocfl, f"{LAYOUT.path(object_id)}/{check_path(path)}")
        except (FileNotFoundError, NotADirectoryError) as error:
            self._folder.check()
            raise NotFound(f"{object_id}/{path}") from error
        except OSError as error:
            raise from_os(error, f"{object_id}/{path}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotFound(f"{object_id}/{path}")
        return io.BufferedReader(io.FileIO(descriptor))  # os.fdopen asks the system three more things

    def restore(self, object_id: ObjectId, path: str, source: BinaryIO, sha512: bytes) -> None:
        self.recover()
        mending.restore(self._folder, object_id, path, source, sha512)

    def quarantine(self, object_id: ObjectId, path: str) -> str:
        self._folder.check()
        with self._folder.hold(object_id):
            return move_out(self._folder, object_id, path, "does not belong to the object")

    def forget(self, object_id: ObjectId) -> None:
        self.recover()
        mending.forget(self._folder, object_id)

    def close(self) -> None:
        """Nothing is held between calls."""
