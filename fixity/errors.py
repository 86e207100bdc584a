"""FixityError └── CouldNotRead. Altered is a result; *could not look* is an error, so that one never becomes the other."""

from __future__ import annotations

from policies.findings import KhoError

__all__ = ["CouldNotRead", "FixityError"]


class FixityError(KhoError):
    """The base of this package's errors."""


class CouldNotRead(FixityError):
    """The bytes are there, or should be, and could not be read (EIO, a store that answers errors). Says nothing about them."""

    def __init__(self, path: str, reason: str) -> None:
        self.reason = reason
        super().__init__("FIX-UNREADABLE", path, reason=reason)
