"""Looking at an object without reading its content: is every file there that the inventory names, none that it does not, and how many
bytes are they together? Declaration, inventories and sidecars are read and held against their digests.

A look proves nothing of content, and never says what is wrong with a file: where anything is not as it should be, the object is to be
read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping

from storage.beneath import folder_beneath, open_beneath
from storage.ocfl.expectations import Expectations, HashedStream, read_expectations
from storage.ocfl.objects import INVENTORY
from storage.ocfl.reread import fixed_files
from storage.tier import Glance

__all__ = ["glance_at"]


def glance_at(top: str, expected: Mapping[int, bytes]) -> Glance:
    """Look at the object in the folder ``top``, a path without links. OSError for what cannot be looked at, ENOENT when there is none."""
    fixed = fixed_files(expected, 1)
    content = _inventory(top, expected[max(expected)])
    if content is None:
        return Glance(0, 0, INVENTORY)
    del fixed[INVENTORY]
    files, size = 1, os.stat(os.path.join(top, INVENTORY), follow_symlinks=False).st_size
    with folder_beneath(top, "") as descriptor:
        for folder, inner, names, opened in os.fwalk(".", dir_fd=descriptor, onerror=_fail):
            prefix = "" if folder == "." else folder[2:] + "/"
            if not inner and not names:
                return Glance(files, size, prefix)
            for name in inner:
                if not stat.S_ISDIR(os.stat(name, dir_fd=opened, follow_symlinks=False).st_mode):
                    return Glance(files, size, prefix + name)  # a link to a folder
            for name in names:
                path = prefix + name
                if path == INVENTORY:
                    continue
                found = os.stat(name, dir_fd=opened, follow_symlinks=False)
                if not stat.S_ISREG(found.st_mode) or not _as_it_should(top, path, fixed, content):
                    return Glance(files, size, path)
                files, size = files + 1, size + found.st_size
    return Glance(files, size, next(iter(fixed), "v1/content" if content.missing else ""))


def _inventory(top: str, expected: bytes) -> Expectations | None:
    """What the root inventory names; None when it is not the expected one."""
    with os.fdopen(open_beneath(top, INVENTORY), "rb", buffering=0) as raw:
        stream = HashedStream(raw)
        found = read_expectations(stream, algorithm="sha512", since=1)
        return found if stream.finish() == expected else None


def _as_it_should(top: str, path: str, fixed: dict[str, bytes], content: Expectations) -> bool:
    """Whether a file is one that is expected, once; small ones that everything else stands on are read."""
    digest = fixed.pop(path, None)
    if digest is None:
        return content.unseen(path) and content.take(path) is not None
    with os.fdopen(open_beneath(top, path), "rb") as stream:
        return hashlib.file_digest(stream, "sha512").digest() == digest


def _fail(error: OSError) -> None:
    raise error
