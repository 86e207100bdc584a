"""The narrow seam below OCFL tiers: six verbs over keys, four errors.

Keys are '/'-separated names relative to the backend's root, never beginning or ending with '/'. Names that are not UTF-8 on the
medium come through as surrogate escapes (PEP 383), so that a stray file with a strange name can still be reported and moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

__all__ = ["Backend", "Stat"]


@dataclass(frozen=True, slots=True)
class Stat:
    """One stored thing. ``kind`` is "file", or "other" for what is neither file nor folder (link, device) on a local disk."""

    key: str
    size: int
    kind: str = "file"


class Backend(Protocol):
    """A place for bytes under keys.

    Every method may raise `storage.errors.Unavailable` (could not be asked) or `Refused` (asked, said no).
    """

    def put(self, key: str, source: BinaryIO) -> None:
        """Create ``key`` with all of ``source``; durable when this returns. Never replaces.

        Raises:
            AlreadyExists: something is there; it is untouched.
        """
        ...

    def replace(self, key: str, data: bytes, *, expected: bytes | None) -> None:
        """Compare and swap: replace ``key`` when its bytes now hash (SHA-512) to ``expected``, or create it when that is None.

        Raises:
            AlreadyExists: the bytes now are others (or, with None, there are some).
            NotFound: ``expected`` was given and nothing is there.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """A readable stream. Reads raise OSError for what the medium says, which callers map to unreadable.

        Raises:
            NotFound: nothing is there.
        """
        ...

    def stat(self, key: str) -> Stat:
        """Raises NotFound when nothing is there."""
        ...

    def list(self, prefix: str) -> Iterator[Stat]:
        """Everything below the folder ``prefix`` ("" for all), in no promised order; folders themselves are not listed."""
        ...

    def delete(self, key: str) -> None:
        """Raises NotFound when nothing is there."""
        ...
