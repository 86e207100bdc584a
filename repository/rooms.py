"""Rooms: folders of the moment in the home, which are gone when the work in them is done, also where the process was killed meanwhile."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["room"]

KEYS: Final = ".rooms"
"""Held by whoever makes a room, or looks for those that were left: a room without its lock was left, and is not just being made."""
LOCK: Final = "lock"
INSIDE: Final = "inside"


@contextmanager
def room(place: Path, name: str) -> Iterator[Path]:
    """A folder of this process in ``place``, which is gone afterwards. Those of this name that processes left which were killed go, too:
    they may hold gigabytes, and nobody else would ever look there.

    Whoever works in a room holds a lock in it, which the kernel drops when the process dies: numbers of processes say nothing of one in
    another container that works in the same home.
    """
    with open(place / KEYS, "ab") as keys:
        fcntl.flock(keys, fcntl.LOCK_EX)
        for left in place.glob(f"{name}-room-*"):
            if _left(left):
                shutil.rmtree(left, ignore_errors=True)
        outer = tempfile.TemporaryDirectory(prefix=f"{name}-room-", dir=place)
        lock = open(Path(outer.name, LOCK), "wb")  # noqa: SIM115 -- held until the room is gone
        fcntl.flock(lock, fcntl.LOCK_EX)
    with lock, outer as folder:
        inside = Path(folder, INSIDE)
        inside.mkdir()
        yield inside


def _left(room: Path) -> bool:
    """Whether nobody works in a room."""
    try:
        descriptor = os.open(room / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
