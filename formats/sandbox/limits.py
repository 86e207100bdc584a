"""What a tool may use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GIB", "MIB", "SandboxLimits"]

MIB, GIB = 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """``seconds`` by the clock for the whole run; ``memory`` bytes that all processes of the tool together may hold in memory (and
    each one of them may allocate); ``written`` the size in bytes of the largest file that it may write, ``disk`` of all that lies in
    its folder at once, and ``room`` what it leaves free beside it (half of what is free, where that is less: deposits come to the same
    disk); ``processes`` how many it may be at once, threads not counted; ``output`` bytes of stdout and of stderr that are kept, the
    rest is dropped."""

    seconds: float = 120.0
    memory: int = 2 * GIB
    written: int = 4 * GIB
    disk: int = 32 * GIB
    room: int = GIB
    processes: int = 64
    output: int = 8 * MIB
