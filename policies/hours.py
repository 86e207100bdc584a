"""Hours of the day in which something is not to be done, by the clock on the office's wall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

__all__ = ["VIETNAM", "Hours", "hours", "offset"]

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\s*-\s*([01][0-9]|2[0-4]):([0-5][0-9])")
_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")

_DAY = timedelta(days=1)

VIETNAM = timedelta(hours=7)
"""Viet Nam's time against UTC, the same all year (Decision 121/CP of 1967)."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``start`` until ``end`` after midnight, every day; ``end`` may be past the next midnight. ``offset`` is that of the
    wall clock against UTC."""

    start: timedelta
    end: timedelta
    offset: timedelta = VIETNAM

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def until(self, now: datetime) -> datetime | None:
        """When the hours end in which ``now`` lies, by the wall clock; None when it lies in none."""
        wall = now.astimezone(timezone(self.offset))
        midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        for day in (midnight - _DAY, midnight):  # those that began yesterday may last until today
            if day + self.start <= wall < day + self.end:
                return day + self.end
        return None


def hours(text: str) -> tuple[timedelta, timedelta]:
    """(start, end) from "07:30-17:30", or "22:00-06:00" over midnight. Raises ValueError for anything else, and for a whole day."""
    match = _HOURS.fullmatch(text.strip())
    if match is None or (match[3] == "24" and match[4] != "00"):
        raise ValueError('hours are two times of day: "07:30-17:30", or "22:00-06:00" over midnight')
    start, end = (timedelta(hours=int(match[n]), minutes=int(match[n + 1])) for n in (1, 3))
    if end <= start:
        end += _DAY
    if end - start >= _DAY:
        raise ValueError("hours of a whole day would leave no time at all")
    return start, end


def offset(text: str) -> timedelta:
    """A clock's offset against UTC from "+07:00". Raises ValueError for anything else."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        raise ValueError('an offset against UTC is written "+07:00"')
    return (1 if match[1] == "+" else -1) * timedelta(hours=int(match[2]), minutes=int(match[3]))
