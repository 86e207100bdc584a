"""How long identification may take, and how much a second opinion may cost."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["AskSecond", "Limits"]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class AskSecond(enum.StrEnum):
    """Which files a second tool is asked about."""

    NONE = "none"
    UNSURE = "unsure"  # the extension alone spoke, or several formats match
    ALL = "all"  # every file, whatever that costs: no budget holds


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, bytes and counts. One file may take ``file_seconds`` + its size ÷ ``slowest_bytes_per_second``."""

    start_seconds: float = 60.0
    """For the worker to load its signatures: 0.2 s when idle, much more on a busy machine with cold disks."""

    file_seconds: float = 60.0
    """Any honest small file takes milliseconds; a worker waiting a minute for its disk is still believed."""

    least_file_seconds: float = 5.0
    """Each time-out halves ``file_seconds`` for the rest of the call, down to this: hanging files must not block a deposit."""

    slowest_bytes_per_second: float = 10.0 * MIB
    """Siegfried reads a file whole when no signature satisfies it, at 140-250 MB/s on one core; a tenth of that is too slow."""

    second: AskSecond = AskSecond.UNSURE

    second_files: int = 500
    """Second opinions per deposit: fido answers 50-100 files a second, so this is ten seconds at most."""

    second_bytes: int = 1 * GIB
    """Bytes of files given to fido per deposit."""

    second_file_bytes: int = 32 * MIB
    """Fido reads whole zip directories into memory; a larger file is not given to it."""
