"""Bytes that a reference is over, as something that makes them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from policies.phrases import phrase
from signatures.xmldsig.c14n import Refused, Sink

__all__ = ["Octets"]

MOST_REREAD = 64 << 20
"""Bytes of a file beside that a transform may read as XML or base64."""


@dataclass(frozen=True)
class Octets:
    """Bytes that ``into`` makes when they are asked for; those of a large file are never held.

    ``known`` is equal for what is the same again: a file, or what a transform makes of it. ``file``: they are a file's as it is."""

    into: Callable[[Sink], object]
    known: Hashable = None
    file: bool = False

    def joined(self) -> bytes:
        found = bytearray()

        def take(piece: bytes) -> None:
            found.extend(piece)
            if len(found) > MOST_REREAD:
                raise Refused(phrase("dsig-long", most=MOST_REREAD))

        self.into(take)
        return bytes(found)
