"""Progress: how long work tells whoever waits how far it is. Flows call it; doors decide what it looks like.

The worker of a job writes numbers to the catalog, a terminal shows a bar, a log gets a line a minute: the flow cannot tell.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

__all__ = ["MINUTE", "Minutes", "Progress", "Silent", "Unit"]

Unit = Literal["bytes", "files", "objects"]

MINUTE = 60.0
"""Seconds between two lines where nobody watches: often enough to see that it lives, too seldom to fill a log."""


class Progress(Protocol):
    """One phase at a time: ``start``, any number of ``advance``, ``finish``; then perhaps the next phase.

    Implementations never raise (showing progress must not break work) and may be called from several threads.
    """

    def start(self, phase: str, total: int | None, unit: Unit) -> None:
        """A phase begins. ``phase`` is a key of the texts (``phase.<key>``); ``total`` is None where it is not known."""
        ...

    def advance(self, amount: int) -> None:
        """``amount`` more units are done."""
        ...

    def finish(self) -> None:
        """The phase is over, well or not. Without a phase it does nothing."""
        ...


class Silent:
    """Shows nothing."""

    def start(self, phase: str, total: int | None, unit: Unit) -> None:
        return None

    def advance(self, amount: int) -> None:
        return None

    def finish(self) -> None:
        return None


class Minutes:
    """Gives ``write`` one line a minute, and none for a phase shorter than that.

    ``write`` is called with (phase, done, total, unit, over): the door puts it into words. ``over`` is true for the line that
    ends a phase which had lines before.
    """

    def __init__(
        self,
        write: Callable[[str, int, int | None, Unit, bool], None],
        *,
        every: float = MINUTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._phase = ""

    def start(self, phase: str, total: int | None, unit: Unit) -> None:
        with self._lock:
            self._phase, self._total, self._unit = phase, total, unit
            self._done = 0
            self._spoke = False
            self._due = self._clock() + self._every

    def advance(self, amount: int) -> None:
        with self._lock:
            if not self._phase:
                return
            self._done += amount
            if self._clock() >= self._due:
                self._due = self._clock() + self._every
                self._spoke = True
                self._write(self._phase, self._done, self._total, self._unit, False)

    def finish(self) -> None:
        with self._lock:
            if self._phase and self._spoke:
                self._write(self._phase, self._done, self._total, self._unit, True)
            self._phase = ""
