"""Counting copies: a version is *stored* only when enough tiers hold a copy of it that was re-read and matched."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from policies.promise import CopiesPolicy

__all__ = ["CopyFact", "Safety", "is_stored", "safety"]

GOOD = "good"
"""The only state that counts. Written, unknown and unreadable copies may be fine; that is not known."""


class CopyFact(Protocol):
    """What must be known of a copy to count it."""

    @property
    def tier(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def state(self) -> enum.Enum: ...


@dataclass(frozen=True, slots=True)
class Safety:
    """How safe one version is. ``good`` are the tiers that count, ``lacking`` the promised tiers that do not."""

    good: tuple[str, ...]
    lacking: tuple[str, ...]
    stored: bool
    """As many verified good copies as were promised, at as many sites and on as many kinds of media."""

    @property
    def complete(self) -> bool:
        """A good copy on every tier that was promised."""
        return not self.lacking


def safety(copies: Iterable[CopyFact], promise: CopiesPolicy, *, version: int) -> Safety:
    """Count the copies of one AIP for its ``version``, by what is promised of them.

    A copy of an older version does not count, nor does one on a tier that is not promised; a tier counts once.
    """
    good = {copy.tier for copy in copies if copy.state.value == GOOD and copy.version >= version}
    promised = promise.tiers
    return Safety(
        good=tuple(tier for tier in promised if tier in good),
        lacking=tuple(tier for tier in promised if tier not in good),
        stored=promise.enough(good),
    )


def is_stored(copies: Iterable[CopyFact], promise: CopiesPolicy, *, version: int) -> bool:
    """Whether enough verified good copies of ``version`` exist."""
    return safety(copies, promise, version=version).stored
