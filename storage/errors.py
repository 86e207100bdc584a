"""The errors of storage.

StorageError
├── NotFound          nothing is there under this key
├── AlreadyExists     something is there already, and put only creates
├── Unavailable       the store could not be asked or could not do it now (down, EIO, full, time-out): says nothing about the bytes
├── Refused           the store was asked and said no (permission, read-only, write-once)
└── Conflict          the object is not in the state this version was built on: another writer was first
"""

from __future__ import annotations

from policies.findings import KhoError

__all__ = ["AlreadyExists", "Conflict", "NotFound", "Refused", "StorageError", "Unavailable"]


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


class Refused(StorageError):
    def __init__(self, key: str, reason: str) -> None:
        super().__init__("STO-REFUSED", key, reason=reason)


class Conflict(StorageError):
    def __init__(self, object_id: str, reason: str) -> None:
        super().__init__("STO-CONFLICT", object_id, reason=reason)
