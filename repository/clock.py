"""Time as an argument: a decision takes one `now`; an event takes its time from an injected clock when it happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock"]


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved: for simulated decades.

    Raises:
        ValueError: the start is a naive datetime; it would mean another moment on another machine.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> datetime:
        """Move forward by ``step`` (never backward: ValueError) and return the new time."""
        if step < timedelta(0):
            raise ValueError("time does not run backward")
        self._now += step
        return self._now
