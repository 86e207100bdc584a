"""The errors of storage.

StorageError
├── NotFound          nothing is there under this key
├── AlreadyExists     something is there already, and put only creates
├── Unavailable       the store could not be asked or could not do it now (down, EIO, full, time-out): says nothing of the bytes
│   ├── MediumAway    one medium of a tier could not be used; the tier itself is there
│   └── Cold          the bytes are there, and have to be asked for, or brought by somebody: they can be read later
├── Refused           the store was asked and said no (permission, write-once)
│   └── ReadOnly      it takes no writes at all: a read-only file system, a credential that may not write
├── Conflict          the object is not in the state this version was built on: another writer was first
├── SpoolDamaged      the bytes that were to be stored are not those that were sealed: nothing of this version was stored
└── Damaged           what the store holds under this name cannot be believed (a fact about the bytes, found while listing)
"""

from __future__ import annotations

import errno

from policies.findings import KhoError
from policies.phrases import os_phrase

__all__ = [
    "AlreadyExists",
    "Cold",
    "Conflict",
    "Damaged",
    "MediumAway",
    "NotFound",
    "ReadOnly",
    "Refused",
    "SpoolDamaged",
    "StorageError",
    "Unavailable",
    "from_os",
]


class StorageError(KhoError):
    """The base of this package's errors."""


class NotFound(StorageError):
    def __init__(self, key: str) -> None:
        super().__init__("STO-NOT-FOUND", key)


class AlreadyExists(StorageError):
    def __init__(self, key: str) -> None:
        super().__init__("STO-EXISTS", key)


class Unavailable(StorageError):
    def __init__(self, key: str, reason: str) -> None:
        super().__init__("STO-UNAVAILABLE", key, reason=reason)


class MediumAway(Unavailable): ...


class Cold(Unavailable): ...


class Refused(StorageError):
    def __init__(self, key: str, reason: str) -> None:
        super().__init__("STO-REFUSED", key, reason=reason)


class ReadOnly(Refused): ...


class Conflict(StorageError):
    def __init__(self, object_id: str, reason: str) -> None:
        super().__init__("STO-CONFLICT", object_id, reason=reason)


class SpoolDamaged(StorageError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__("STO-SPOOL", path, reason=reason)


class Damaged(StorageError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__("STO-DAMAGED", path, reason=reason)


_REFUSALS = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR})
"""The store was asked and said no; asking again gives the same answer until somebody changes it."""


def from_os(error: OSError, key: str) -> StorageError:
    """The error of this package for one of the operating system. What is not known to be an answer is Unavailable."""
    reason = os_phrase(error)
    if error.errno == errno.ENOENT:
        return NotFound(key)
    if error.errno == errno.EEXIST:
        return AlreadyExists(key)
    if error.errno == errno.EROFS:
        return ReadOnly(key, reason)
    return Refused(key, reason) if error.errno in _REFUSALS else Unavailable(key, reason)
