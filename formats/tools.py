"""Outside programs: which of them are here, and in which version. Every one of them is optional at run time."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Sequence

from formats.sandbox import SandboxLimits, run, workspace

__all__ = ["program", "version_of"]

VERSION_LIMITS = SandboxLimits(seconds=60.0)
"""A program says its version in a second; the first start of a large one on a busy machine takes longer."""

_NUMBER = re.compile(r"\d+(?:\.\d+)+[\w.~+-]*")


@functools.cache
def program(name: str) -> str | None:
    """Where the program is; None when it is not installed."""
    return shutil.which(name)


@functools.cache
def version_of(name: str, ask: Sequence[str] = ("--version",)) -> str | None:
    """The version that a program says of itself; None when it is not here, or says none.

    ``ask`` is what it is asked with. The first number with a point is taken, wherever the program writes it.
    """
    place = program(name)
    if place is None:
        return None
    with workspace() as folder:
        outcome = run([place, *ask], folder=folder, limits=VERSION_LIMITS)
    found = _NUMBER.search((outcome.stdout + b"\n" + outcome.stderr).decode("utf-8", "replace"))
    return found.group() if found else None
