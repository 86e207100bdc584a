"""Rooms: folders of the moment in the home, which are gone when the work in them is done, also where the process was killed meanwhile."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["room"]


@contextmanager
def room(place: Path, name: str) -> Iterator[Path]:
    """A folder of this process in ``place``, which is gone afterwards. Those of this name that processes left which were killed go, too:
    they may hold gigabytes, and nobody else would ever look there."""
    for left in place.glob(f"{name}-*-*"):
        owner = left.name.removeprefix(f"{name}-").partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-{os.getpid()}-", dir=place) as folder:
        yield Path(folder)
