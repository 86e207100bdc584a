"""An OCFL object as files on a disk: its fixed names, and what its root inventory and version folders say about its state."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

from fixity.digests import LARGE_BUFFER
from storage import durable
from storage.beneath import open_beneath

__all__ = ["DECLARATION", "DECLARATION_BYTES", "INVENTORY", "SIDECAR", "digest_at", "read_at", "remove_tree"]

DECLARATION = "0=ocfl_object_1.1"
DECLARATION_BYTES = b"ocfl_object_1.1\n"
INVENTORY = "inventory.json"
SIDECAR = "inventory.json.sha512"


def digest_at(top: str | int, path: str) -> bytes | None:
    """The SHA-512 of the file ``path`` below ``top``; None when there is no such file. Other OSErrors as they are."""
    try:
        descriptor = open_beneath(top, path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        hasher = hashlib.sha512(usedforsecurity=False)
        while chunk := os.read(descriptor, min(found.st_size + 1, LARGE_BUFFER)):
            hasher.update(chunk)
        return hasher.digest()
    finally:
        os.close(descriptor)


def read_at(top: str | int, path: str, limit: int) -> bytes | None:
    """The first ``limit`` bytes of a file below ``top``; None when there is no such file. Other OSErrors as they are."""
    try:
        descriptor = open_beneath(top, path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return os.read(descriptor, limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def remove_tree(path: str) -> None:
    """Remove a folder with all in it; links are removed, never followed. Nothing there is fine. OSError as it is."""
    try:
        with os.scandir(path) as entries:
            here = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:
        return
    for inner, folder in here:
        if folder:
            remove_tree(inner)
        else:
            with contextlib.suppress(FileNotFoundError):  # its owner removes it, too
                durable.unlink(inner)
    with contextlib.suppress(FileNotFoundError):
        durable.rmdir(path)
