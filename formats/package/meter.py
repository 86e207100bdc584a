"""Meter: counts what a package unpacks to and stops it at the limits."""

from __future__ import annotations

from typing import Literal, Protocol

from formats.package.defects import Defect, Hostile
from formats.package.limits import Limits
from formats.package.names import shown_name

__all__ = ["Meter", "Progress"]


class Progress(Protocol):
    """Who waits, as far as this package knows it: one phase, measured in bytes of content."""

    def start(self, phase: str, total: int | None, unit: Literal["bytes", "files", "objects"]) -> None: ...

    def advance(self, amount: int) -> None: ...

    def finish(self) -> None: ...


class Meter:
    """One package's account. ``packed`` is the size of the archive in bytes, 0 when there is none."""

    def __init__(self, limits: Limits, packed: int = 0, progress: Progress | None = None) -> None:
        self._limits = limits
        self._packed = packed
        self._progress = progress
        self._items = 0
        self._bytes = 0

    def entry(self, name: bytes, size: int) -> None:
        """Before an item is read: ``size`` is what it claims.

        Raises:
            Defect: this item is too large or too deep.
            Hostile: there are too many items, or too many bytes.
        """
        self._items += 1
        if self._items > self._limits.items:
            raise Hostile("PKG-TOO-MANY", limit=self._limits.items)
        if name.count(b"/") >= self._limits.depth:
            raise Defect("PKG-TOO-DEEP", shown_name(name), limit=self._limits.depth)
        if size > self._limits.file_bytes:
            raise Defect("PKG-FILE-TOO-LARGE", shown_name(name), size=size, limit=self._limits.file_bytes)
        self._judge(self._bytes + size)

    def count(self, size: int) -> None:
        """After ``size`` bytes of content were unpacked. Raises Hostile."""
        self._bytes += size
        self._judge(self._bytes)
        if self._progress is not None:
            self._progress.advance(size)

    def _judge(self, total: int) -> None:
        limits = self._limits
        if total > limits.total_bytes:
            raise Hostile("PKG-TOO-LARGE", size=total, limit=limits.total_bytes)
        if self._packed and total > limits.ratio_floor and total > self._packed * limits.ratio:
            raise Hostile("PKG-BOMB", size=total, packed=self._packed, limit=limits.ratio)
