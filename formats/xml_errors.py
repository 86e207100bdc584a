"""What is wrong with bytes that should be XML: statements about the content, which become findings."""

from __future__ import annotations

__all__ = ["HasDoctype", "NotLookedAt", "NotWellFormed", "TooLarge", "UnknownEncoding"]


class NotWellFormed(Exception):
    """The bytes are no XML that we accept. ``reason`` is for people, ``line`` is 0 when unknown. Becomes a finding, not a
    KhoError."""

    def __init__(self, reason: str, line: int = 0) -> None:
        self.reason = reason
        self.line = line
        super().__init__(reason, line)

    def __str__(self) -> str:
        return self.reason


class NotLookedAt(NotWellFormed):
    """Nothing is known of it, for it is of a sort that Kho does not read: it may be sound."""


class HasDoctype(NotLookedAt):
    """It has a DOCTYPE, which Kho never accepts, whatever else it is."""


class TooLarge(NotLookedAt):
    """It is longer, deeper or richer than what Kho builds a tree of."""


class UnknownEncoding(NotLookedAt):
    """Its characters are written in a way of which Kho cannot tell what stands there."""
