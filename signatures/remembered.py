"""Answers that are remembered by the bytes they are of, in a memory that has a bound in bytes, and not only in pieces."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

__all__ = ["LONGEST", "remembered"]

Answer = TypeVar("Answer")

LONGEST = 16 << 10
"""Bytes of a piece whose answer is remembered: certificates have two thousand, and those who write longer ones write each only once."""


def remembered(most: int, *, longest: int = LONGEST) -> Callable[[Callable[[bytes], Answer]], Callable[[bytes], Answer]]:
    """Remember the last ``most`` answers, of which each is of no more than ``longest`` bytes."""

    def remembering(asked: Callable[[bytes], Answer]) -> Callable[[bytes], Answer]:
        short = lru_cache(maxsize=most)(asked)

        @wraps(asked)
        def answered(data: bytes) -> Answer:
            return short(data) if len(data) <= longest else asked(data)

        return answered

    return remembering
