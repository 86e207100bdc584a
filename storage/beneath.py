"""Opening things below a folder without ever following a symbolic link, whoever may have put one there.

Paths are relative, '/'-separated, without empty, "." or ".." segments. Names that are not UTF-8 come as surrogate escapes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from policies.phrases import phrase
from storage.errors import Refused

__all__ = ["check_path", "folder_beneath", "folder_inside", "open_beneath"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""O_NONBLOCK: a FIFO planted under a file's name must not stop the reader; it means nothing for files."""


def check_path(path: str) -> str:
    """``path`` itself when it is safe to append to a folder. Raises Refused."""
    if "\0" in path or any(segment in ("", ".", "..") for segment in path.split("/")):
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
        for segment in path.split("/") if path else ():
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
    if isinstance(top, int) and not folder:
        return os.open(name, _FILE, dir_fd=top)
    with folder_beneath(top, folder) as descriptor:
        return os.open(name, _FILE, dir_fd=descriptor)
