"""Exit codes of ``kho`` (docs/cli.md)."""

from __future__ import annotations

import enum
from collections.abc import Iterable

__all__ = ["Exit", "worst"]


class Exit(enum.IntEnum):
    """What a command's end means."""

    DONE = 0
    FAILED = 1  # Kho could not do its work
    USAGE = 2
    REFUSED = 3  # the verdict was not to accept: refused, held or quarantined
    DAMAGE = 4
    FEW_COPIES = 5


_GRAVEST_FIRST = (Exit.USAGE, Exit.FAILED, Exit.DAMAGE, Exit.FEW_COPIES, Exit.REFUSED)


def worst(exits: Iterable[Exit]) -> Exit:
    """The one code that several outcomes of one command are told as: 1 before 4 before 5 before 3; nothing at all is done."""
    seen = set(exits)
    return next((code for code in _GRAVEST_FIRST if code in seen), Exit.DONE)
