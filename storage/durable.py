"""Every system call with which storage changes a medium, and the barriers that make the changes durable.

No other module of this package calls the operating system to write: so tests can fail, stop or record each call (`tests/faults`).
Callers write ``durable.rename(…)``, never ``from storage.durable import rename``. All functions let OSError through.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Protocol

__all__ = [
    "FILE_MODE",
    "Barrier",
    "FileByFile",
    "WholeSystem",
    "barrier_for",
    "chmod",
    "close",
    "create",
    "fsync",
    "fsync_folder",
    "link",
    "mkdir",
    "rename",
    "rmdir",
    "syncfs",
    "unlink",
    "write",
]

FILE_MODE = 0o444
"""Stored files are never written again, so nobody needs the right to."""

FOLDER_MODE = 0o755

LOCAL_SYSTEMS = {
    0xEF53: "ext2/3/4",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0xF2F52010: "f2fs",
    0x2FC12FC1: "zfs",
    0xCA451A4E: "bcachefs",
    0x01021994: "tmpfs",
}
"""statfs(2) magic numbers of local file systems on which one syncfs is a barrier. All others (NFS, CIFS, FUSE, overlays) get
fsync file by file: whether their syncfs reaches a medium, and whether it reports errors, is not known."""

SYNCFS_REPORTS_ERRORS = (5, 8)
"""The first Linux whose syncfs(2) reports write-back errors that happened since its descriptor was opened (man 2 syncfs)."""

_libc = ctypes.CDLL(None, use_errno=True)


def create(path: str, mode: int = FILE_MODE) -> int:
    """A descriptor to write a new file. Raises FileExistsError for anything that is there, dangling links too."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)


def write(descriptor: int, data: bytes | memoryview) -> None:
    """All of ``data``: write(2) may take less than it is given."""
    done = os.write(descriptor, data)
    if done < len(data):
        rest = memoryview(data)
        while done < len(rest):
            done += os.write(descriptor, rest[done:])


def close(descriptor: int) -> None:
    os.close(descriptor)


def chmod(descriptor: int, mode: int) -> None:
    os.fchmod(descriptor, mode)


def mkdir(path: str) -> None:
    os.mkdir(path, FOLDER_MODE)


def link(source: str, target: str) -> None:
    """A second name for a file; ``source`` is not followed when it is a link. Raises FileExistsError."""
    os.link(source, target, follow_symlinks=False)


def rename(source: str, target: str) -> None:
    """Atomic; replaces a file (or an empty folder by a folder)."""
    os.rename(source, target)


def unlink(path: str) -> None:
    os.unlink(path)


def rmdir(path: str) -> None:
    """Only when empty."""
    os.rmdir(path)


def fsync(descriptor: int) -> None:
    os.fsync(descriptor)


def fsync_folder(path: str) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def syncfs(descriptor: int) -> None:
    """Write back everything on the file system of ``descriptor``; errors since the descriptor was opened are raised."""
    if _libc.syncfs(descriptor) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Barrier(Protocol):
    """What a group commit waits for. Opened before the first write of the batch."""

    def file(self, descriptor: int) -> None:
        """A file was written and is about to be closed."""
        ...

    def folder(self, path: str) -> None:
        """A name in this folder was made, changed or removed."""
        ...

    def settle(self) -> None:
        """Folders told so far are about to be renamed: what is to be done under their present names is done now."""
        ...

    def wait(self) -> None:
        """Return when everything told so far is durable."""
        ...

    def close(self) -> None: ...


class WholeSystem:
    """One syncfs for all: needs nothing per file, so many small files share the cost of one flush."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def file(self, descriptor: int) -> None:
        pass

    def folder(self, path: str) -> None:
        pass

    def settle(self) -> None:
        pass

    def wait(self) -> None:
        syncfs(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class FileByFile:
    """fsync each file as it is written and each folder at the barrier, where syncfs cannot be relied upon."""

    def __init__(self, path: str) -> None:
        self._folders: dict[str, None] = {}

    def file(self, descriptor: int) -> None:
        fsync(descriptor)

    def folder(self, path: str) -> None:
        self._folders[path] = None

    def settle(self) -> None:
        self.wait()

    def wait(self) -> None:
        for path in self._folders:
            # What was removed since has nothing left to make durable.
            if os.path.isdir(path):
                fsync_folder(path)
        self._folders.clear()

    def close(self) -> None:
        self._folders.clear()


def barrier_for(path: str) -> Callable[[str], Barrier]:
    """The cheapest kind of barrier that is sure on the file system of ``path``."""
    release = tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in os.uname().release.split(".")[:2])
    local = _magic(path) in LOCAL_SYSTEMS
    return WholeSystem if local and hasattr(_libc, "syncfs") and release >= SYNCFS_REPORTS_ERRORS else FileByFile


def _magic(path: str) -> int:
    """f_type of statfs(2), which is the first word of its structure on Linux; 0 when it cannot be asked."""
    buffer = ctypes.create_string_buffer(512)
    if not hasattr(_libc, "statfs") or _libc.statfs(os.fsencode(path), buffer) != 0:
        return 0
    return int(ctypes.c_ulong.from_buffer(buffer).value) & 0xFFFFFFFF
