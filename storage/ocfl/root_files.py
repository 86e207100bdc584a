"""The storage root's own files: its declaration and layout (OCFL 1.1 §4.1, §4.2), whose bytes follow from the rules."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator

from fixity.digests import LARGE_BUFFER
from fixity.verify import Outcome, Problem
from policies.phrases import os_phrase
from storage.beneath import folder_beneath, open_beneath
from storage.errors import NotFound
from storage.ocfl.folder import LAYOUT_FILES, TierFolder
from storage.ocfl.medium import drop_cache
from storage.ocfl.mending import restore_root_file

__all__ = ["mend", "problems"]


def problems(tier: TierFolder) -> Iterator[Problem]:
    """Those that are not good, each re-read from the medium. What stands in a file's place and is none has altered it."""
    for path, data in LAYOUT_FILES.items():
        expected = hashlib.sha512(data).hexdigest()
        try:
            if (found := _digest(tier.ocfl, path)) != expected:
                yield Problem(path, Outcome.ALTERED, expected, found)
        except (FileNotFoundError, NotADirectoryError):
            yield Problem(path, Outcome.MISSING, expected)
        except OSError as error:
            yield Problem(path, Outcome.UNREADABLE, expected, os_phrase(error))


def mend(tier: TierFolder, path: str) -> None:
    """Put the right bytes in its place. Raises NotFound for a path that is none of them, else as `mending.restore`."""
    if path not in LAYOUT_FILES:
        raise NotFound(path)
    restore_root_file(tier, path, LAYOUT_FILES[path])


def _digest(top: str, path: str) -> str:
    """The SHA-512 of what is found, or what it is instead of a file. OSError as it is."""
    folder, _, name = path.rpartition("/")
    with folder_beneath(top, folder) as descriptor:
        kind = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
    if not stat.S_ISREG(kind):
        return "link" if stat.S_ISLNK(kind) else "folder" if stat.S_ISDIR(kind) else "device"
    hasher = hashlib.sha512(usedforsecurity=False)
    descriptor = open_beneath(top, path)
    try:
        drop_cache(descriptor)
        while chunk := os.read(descriptor, LARGE_BUFFER):
            hasher.update(chunk)
    finally:
        os.close(descriptor)
    return hasher.hexdigest()
