"""Seen: a set of very many names in little memory."""

from __future__ import annotations

from array import array

__all__ = ["Seen"]

_MASK = (1 << 64) - 1


class Seen:
    """Which values came by, by their 64-bit keyed hash: about 13 bytes a value, where a set of strings takes 100 to 200.

    Two of a million different values are taken for the same with a probability of 3e-8; Python's hash is keyed anew in each
    process, so nobody can prepare such values.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self.count = 0

    def add(self, value: str | bytes) -> bool:
        """Remember a value. Whether it is new."""
        number = hash(value) & _MASK
        bucket = self._buckets.setdefault(number & 0xFFFF, array("Q"))
        if number in bucket:
            return False
        bucket.append(number)
        self.count += 1
        return True

    def __contains__(self, value: str | bytes) -> bool:
        number = hash(value) & _MASK
        bucket = self._buckets.get(number & 0xFFFF)
        return bucket is not None and number in bucket
