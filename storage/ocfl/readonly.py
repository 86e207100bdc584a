"""What a checker needs of a place: what lies in a folder, and the bytes. A local disk directly (folders are seen, also empty
ones), or any `Backend` (where only keys exist). Nothing here can write, and links are never followed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

from fixity.digests import LARGE_BUFFER, Hasher, digest_of, hash_stream
from fixity.errors import CouldNotRead
from policies.phrases import os_phrase, phrase
from storage.backend import Backend
from storage.errors import StorageError

__all__ = ["FILE", "FOLDER", "LINK", "OTHER", "BackendPlace", "Hashed", "LocalPlace", "Place"]

FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"
"""Kinds of entries. A backend cannot tell links from other things that are neither file nor folder."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""O_NONBLOCK: a FIFO that took the place of a file must not stop us."""


class Hashed(NamedTuple):
    """A file's size in bytes, its digests by algorithm, and what its hard links share (None: it has no other name)."""

    size: int
    digests: dict[str, bytes]
    inode: tuple[int, int] | None = None


class Place(Protocol):
    """A folder with all below it. Paths are relative, '/'-separated, "" is the place itself. Every method raises CouldNotRead
    when the store or medium did not answer, or when the thing is gone."""

    def scan(self, folder: str) -> list[tuple[str, str]]:
        """(name, kind) of what lies in a folder, in order of names."""
        ...

    def open(self, path: str) -> BinaryIO:
        """A stream of a file's bytes. Its reads may raise OSError."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a file."""
        ...

    def hash(self, path: str, algorithms: tuple[str, ...]) -> Hashed:
        """All of a file, hashed."""
        ...

    def below(self, folder: str) -> Place:
        """The place of a folder."""
        ...


@contextlib.contextmanager
def _could_not_read(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CouldNotRead(path, os_phrase(error)) from error
    except StorageError as error:
        raise CouldNotRead(path, str(error.finding.args.get("reason", phrase("file-gone")))) from error
    except ValueError as error:  # a name with NUL
        raise CouldNotRead(path, str(error)) from error


class LocalPlace:
    """A folder of a local file system."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._start = root.rstrip("/") + "/"

    def below(self, folder: str) -> LocalPlace:
        return LocalPlace(self._start + folder) if folder else self

    def scan(self, folder: str) -> list[tuple[str, str]]:
        try:
            with os.scandir(self._start + folder) as entries:
                return sorted([(each.name, FILE if each.is_file(follow_symlinks=False) else _kind(each)) for each in entries])
        except OSError as error:
            raise CouldNotRead(folder, os_phrase(error)) from error

    def _descriptor(self, path: str) -> tuple[int, os.stat_result]:
        descriptor = os.open(self._start + path, _FLAGS)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, phrase("not-regular-file"))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, found

    def open(self, path: str) -> BinaryIO:
        with _could_not_read(path):
            return os.fdopen(self._descriptor(path)[0], "rb")

    def read(self, path: str, limit: int) -> bytes:
        try:
            descriptor, found = self._descriptor(path)
            try:
                size = found.st_size
                data = os.read(descriptor, min(limit, size + 1))
                if len(data) < size and len(data) < limit:  # a short read of a large file
                    with os.fdopen(descriptor, "rb", closefd=False) as stream:
                        data += stream.read(limit - len(data))
                return data
            finally:
                os.close(descriptor)
        except OSError as error:
            raise CouldNotRead(path, os_phrase(error)) from error

    def hash(self, path: str, algorithms: tuple[str, ...]) -> Hashed:
        try:
            descriptor, found = self._descriptor(path)
            try:
                size = found.st_size
                if size < LARGE_BUFFER:
                    data = os.read(descriptor, size + 1)
                    if len(data) == size:  # a short read of a regular file is its end
                        return Hashed(size, {name: digest_of(data, name) for name in algorithms}, _inode(found))
                    os.lseek(descriptor, 0, os.SEEK_SET)  # it grew while we looked
                hasher = Hasher(algorithms)
                length = min(found.st_size + 1, LARGE_BUFFER)
                while chunk := os.read(descriptor, length):
                    hasher.update(chunk)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise CouldNotRead(path, os_phrase(error)) from error
        return Hashed(hasher.size, {name: digest.value for name, digest in hasher.digests().items()}, _inode(found))


def _inode(found: os.stat_result) -> tuple[int, int] | None:
    return (found.st_dev, found.st_ino) if found.st_nlink > 1 else None


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return FOLDER
    return LINK if entry.is_symlink() else OTHER


class BackendPlace:
    """What a `Backend` holds below a prefix. Its keys are listed once, on the first look."""

    def __init__(self, backend: Backend, prefix: str) -> None:
        self._backend, self._prefix = backend, prefix
        self._folders: dict[str, dict[str, str]] | None = None

    def below(self, folder: str) -> BackendPlace:
        return BackendPlace(self._backend, self._key(folder)) if folder else self

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix and path else self._prefix or path

    def _listed(self) -> dict[str, dict[str, str]]:
        if self._folders is None:
            folders: dict[str, dict[str, str]] = {"": {}}
            cut = len(self._prefix) + 1 if self._prefix else 0
            for found in self._backend.list(self._prefix):
                folder, _, name = found.key[cut:].rpartition("/")
                folders.setdefault(folder, {})[name] = FILE if found.kind == "file" else OTHER
                while folder:
                    folder, _, name = folder.rpartition("/")
                    inner = folders.setdefault(folder, {})
                    if name in inner:
                        break
                    inner[name] = FOLDER
            self._folders = folders
        return self._folders

    def scan(self, folder: str) -> list[tuple[str, str]]:
        with _could_not_read(folder):
            return sorted(self._listed().get(folder, {}).items())

    def open(self, path: str) -> BinaryIO:
        with _could_not_read(path):
            return self._backend.open(self._key(path))

    def read(self, path: str, limit: int) -> bytes:
        with _could_not_read(path), self._backend.open(self._key(path)) as stream:
            data = io.BytesIO()
            while data.tell() < limit and (chunk := stream.read(limit - data.tell())):
                data.write(chunk)
            return data.getvalue()

    def hash(self, path: str, algorithms: tuple[str, ...]) -> Hashed:
        with _could_not_read(path), self._backend.open(self._key(path)) as stream:
            size, digests = hash_stream(stream, algorithms)
        return Hashed(size, {name: digest.value for name, digest in digests.items()})
