"""Clocks of tests: they go on whenever they are asked, as the machine's does. By one that stands still, what is asked twice gets one
answer, and what comes later is not later: features seemed to work that never did."""

from __future__ import annotations

from datetime import datetime, timedelta

from repository.clock import ManualClock

__all__ = ["TICK", "RunningClock"]

TICK = timedelta(milliseconds=1)


class RunningClock(ManualClock):
    """A clock that is a `TICK` later at every question, and else where it was moved to."""

    def now(self) -> datetime:
        return self.advance(TICK)

    @property
    def told(self) -> datetime:
        """What it said last, without asking it."""
        return super().now()
