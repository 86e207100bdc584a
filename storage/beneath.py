"""Opening things below a folder without ever following a symbolic link, whoever may have put one there.

Paths are relative, '/'-separated, without empty, "." or ".." segments. Names that are not UTF-8 come as surrogate escapes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

from policies.phrases import phrase
from storage.errors import Refused

__all__ = ["check_path", "folder_beneath", "folder_inside", "open_beneath"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""O_NONBLOCK: a FIFO planted under a file's name must not stop the reader; it means nothing for files."""


_BAD_SEGMENTS = frozenset(("", ".", ".."))

_OPENAT2 = 437 if os.uname().machine in ("x86_64", "aarch64") else 0
"""The number of openat2(2), which opens a whole path at once (Linux 5.6 and newer); 0 where it is not known."""

_RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH = 0x04, 0x08


class _How(ctypes.Structure):
    """``struct open_how`` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _how(flags: int) -> tuple[object, _How]:
    """What openat2 is given for ``flags`` (a reference, and what it refers to): no link anywhere on the way, and nothing outside."""
    made = _How(flags, 0, _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH)
    return ctypes.byref(made), made


_HOW_FILE, _HOW_FOLDER = _how(_FILE), _how(_FOLDER)
_system_call = ctypes.CDLL(None).syscall
_system_call.restype = ctypes.c_long


def _at_once(folder: int, path: str, how: tuple[object, _How]) -> int:
    """A descriptor of what lies at a safe ``path`` below an open folder, in one call of the system; -1 where that cannot be had for any
    reason: whoever asks goes step by step then, and learns why."""
    if not _OPENAT2:
        return -1
    return int(_system_call(_OPENAT2, folder, os.fsencode(path), how[0], ctypes.sizeof(how[1])))


def check_path(path: str) -> str:
    """``path`` itself when it is safe to append to a folder. Raises Refused."""
    if "\0" in path or not _BAD_SEGMENTS.isdisjoint(path.split("/")):
        raise Refused(path, phrase("not-relative"))
    return path


def folder_inside(folder: int, name: str) -> int:
    """A descriptor of the folder ``name`` (one segment) in an open folder, to be closed. OSError as it is (ENOTDIR, ELOOP for a link)."""
    return os.open(name, _FOLDER, dir_fd=folder)


@contextlib.contextmanager
def folder_beneath(top: str | int, path: str) -> Iterator[int]:
    """A descriptor of the folder ``path`` below ``top`` ("" for ``top`` itself), which is a path or an open folder. OSError as it is
    (ENOTDIR, ELOOP for a link)."""
    descriptor = os.dup(top) if isinstance(top, int) else os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        segments = path.split("/") if path else []
        if len(segments) > 1 and (inner := _at_once(descriptor, path, _HOW_FOLDER)) >= 0:
            os.close(descriptor)
            descriptor, segments = inner, []
        for segment in segments:
            inner = folder_inside(descriptor, segment)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def open_beneath(top: str | int, path: str) -> int:
    """A descriptor to read the file ``path`` below ``top``, which is a path or an open folder. OSError as it is; Refused when the path
    is not safe."""
    folder, _, name = check_path(path).rpartition("/")
    if isinstance(top, int):
        return _open(top, path, folder, name)
    outer = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _open(outer, path, folder, name)
    finally:
        os.close(outer)


def _open(top: int, path: str, folder: str, name: str) -> int:
    if not folder:
        return os.open(name, _FILE, dir_fd=top)
    if (found := _at_once(top, path, _HOW_FILE)) >= 0:
        return found
    with folder_beneath(top, folder) as descriptor:
        return os.open(name, _FILE, dir_fd=descriptor)
