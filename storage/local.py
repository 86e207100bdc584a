"""A folder on a local file system as a `Backend`. Everything is durable when a method returns; links are never followed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from policies.phrases import phrase
from storage import durable, locks
from storage.backend import Stat
from storage.beneath import check_path, folder_beneath, open_beneath
from storage.errors import AlreadyExists, NotFound, Refused, StorageError, Unavailable, from_os

__all__ = ["LocalBackend"]

STAGING = ".kho-staging"
"""The folder for temporary files when none is given; its name is taken from the keys."""

ATTEMPTS = 10
"""How often a folder is made again that another process removed because it was empty just then."""


class LocalBackend:
    """The six verbs on a folder that must be there.

    ``staging`` is a folder on the same file system for temporary files and the lock file; where ``root`` may hold nothing but
    what is put, give one outside it.

    Raises:
        Unavailable: ``root`` is not a folder.
    """

    def __init__(self, root: Path, *, staging: Path | None = None) -> None:
        self._root = os.fspath(root)
        self._staging = os.fspath(staging) if staging else os.path.join(self._root, STAGING)
        if not os.path.isdir(self._root):
            raise Unavailable(self._root, phrase("no-such-folder"))
        with contextlib.suppress(FileExistsError):
            durable.mkdir(self._staging)

    def put(self, key: str, source: BinaryIO) -> None:
        path = self._path(key)
        with _errors(key), self._temporary(source) as temporary:
            # link(2) and not rename(2), which would replace what is there.
            self._in_folder(key, lambda: durable.link(temporary, path))

    def replace(self, key: str, data: bytes, *, expected: bytes | None) -> None:
        path = self._path(key)
        if expected is None:
            self.put(key, io.BytesIO(data))
            return
        with _errors(key), locks.hold(os.path.join(self._staging, "lock"), [locks.range_of(key)]):
            with self.open(key) as stream:
                if hashlib.sha512(stream.read()).digest() != expected:
                    raise AlreadyExists(key)
            with self._temporary(io.BytesIO(data)) as temporary:
                self._in_folder(key, lambda: durable.rename(temporary, path))

    def open(self, key: str) -> BinaryIO:
        self._path(key)
        with _errors(key):
            descriptor = open_beneath(self._root, key)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise NotFound(key)
            return os.fdopen(descriptor, "rb")

    def stat(self, key: str) -> Stat:
        self._path(key)
        folder, _, name = key.rpartition("/")
        with _errors(key), folder_beneath(self._root, folder) as descriptor:
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            raise NotFound(key)
        return Stat(key, found.st_size, "file" if stat.S_ISREG(found.st_mode) else "other")

    def list(self, prefix: str) -> Iterator[Stat]:
        with _errors(prefix):
            if prefix:
                self._path(prefix)
            yield from self._below(prefix)

    def _below(self, prefix: str) -> Iterator[Stat]:
        waiting = [prefix]
        while waiting:
            folder = waiting.pop()
            try:
                with folder_beneath(self._root, folder) as descriptor, os.scandir(descriptor) as entries:
                    here = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
            except (FileNotFoundError, NotADirectoryError):
                continue  # nothing below it, or removed while we walked
            for name, found in here:
                key = f"{folder}/{name}" if folder else name
                if stat.S_ISDIR(found.st_mode):
                    if os.path.join(self._root, key) != self._staging:
                        waiting.append(key)
                else:
                    yield Stat(key, found.st_size, "file" if stat.S_ISREG(found.st_mode) else "other")

    def delete(self, key: str) -> None:
        path = self._path(key)
        self.stat(key)
        with _errors(key):
            durable.unlink(path)
            folder = os.path.dirname(path)
            durable.fsync_folder(folder)
            with contextlib.suppress(OSError):  # folders are no keys: an empty one is nobody's
                while folder != self._root:
                    durable.rmdir(folder)
                    folder = os.path.dirname(folder)

    def _path(self, key: str) -> str:
        path = os.path.join(self._root, check_path(key))
        if path == self._staging or path.startswith(self._staging + "/"):
            raise Refused(key, phrase("name-taken-by-kho"))
        return path

    @contextlib.contextmanager
    def _temporary(self, source: BinaryIO) -> Iterator[str]:
        """A durable file with all of ``source``, removed on leaving if it is still there."""
        path = os.path.join(self._staging, uuid.uuid4().hex)
        descriptor = durable.create(path)
        try:
            try:
                while chunk := source.read(LARGE_BUFFER):
                    durable.write(descriptor, chunk)
                durable.fsync(descriptor)
            finally:
                durable.close(descriptor)
            yield path
        finally:
            with contextlib.suppress(FileNotFoundError):
                durable.unlink(path)

    def _in_folder(self, key: str, act: Callable[[], None]) -> None:
        """Do what needs the folder of ``key``, make the folder and its parents first, and all of it durable."""
        for _ in range(ATTEMPTS):
            self._make_folders(key)
            with contextlib.suppress(FileNotFoundError):
                act()
                durable.fsync_folder(os.path.dirname(os.path.join(self._root, key)))
                return
        raise Unavailable(key, phrase("folder-disappears"))

    def _make_folders(self, key: str) -> None:
        folder = self._root
        for segment in key.split("/")[:-1]:
            parent, folder = folder, os.path.join(folder, segment)
            with contextlib.suppress(FileExistsError):
                durable.mkdir(folder)
            durable.fsync_folder(parent)  # even when it was there: who made it may have been killed before this
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                raise Refused(key, phrase("is-no-folder", path=segment))


@contextlib.contextmanager
def _errors(key: str) -> Iterator[None]:
    """The operating system's errors as those of the seam. In a generator only opening and listing are inside."""
    try:
        yield
    except StorageError:
        raise
    except NotADirectoryError as error:
        raise NotFound(key) from error
    except OSError as error:
        raise from_os(error, key) from error
