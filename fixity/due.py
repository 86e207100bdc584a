"""Which copies to check now: oldest first, within a byte budget. Pure; the catalog streams the candidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

__all__ = ["Candidate", "take_due"]


class Candidate(NamedTuple):
    """One copy that may be due: an object (``key``) on a tier, when it is to be checked, and how many bytes that reads."""

    key: str
    tier: str
    check_next: datetime
    bytes: int


def take_due(candidates: Iterable[Candidate], now: datetime, *, budget_bytes: int | None = None) -> Iterator[Candidate]:
    """The candidates due at ``now``, in their order, until the next one would exceed the budget (None: no limit).

    The candidates must come oldest ``check_next`` first. Nothing can starve: a copy that does not fit ends the round, so no
    younger one overtakes it, and the first one is taken whatever its size as long as any budget is left. A budget that is used up
    (zero or less) takes nothing.

    Raises:
        ValueError: the candidates are not in order; what is taken would not be the oldest.
    """
    left = budget_bytes
    previous: datetime | None = None
    for candidate in candidates:
        if previous is not None and candidate.check_next < previous:
            raise ValueError(f"candidates are not oldest first: {candidate.key} on {candidate.tier}")
        if candidate.check_next > now:
            return
        if left is not None:
            if left <= 0 or (previous is not None and candidate.bytes > left):
                return
            left -= candidate.bytes
        previous = candidate.check_next
        yield candidate
