"""A file that is taken for the one that a reference names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Guess"]


@dataclass(frozen=True)
class Guess:
    """A file of another name than the one that is meant, because no other can be: where it has not the digest either, it is another one."""

    opened: Callable[[], BinaryIO]

    def __call__(self) -> BinaryIO:
        return self.opened()
