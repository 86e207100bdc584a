"""``--at DATE``: the moment as of which a command judges."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

__all__ = ["as_of"]


def as_of(text: str) -> datetime:
    """What ``text`` means (aware): a day is meant to its end, so that what was stamped on it counts; it is a day of UTC, as those of
    reports are, for a verdict must not depend on where it is asked for. A time without a zone is UTC, too.

    Raises:
        ValueError: it is neither a day nor a moment, or one behind the end of the calendar.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    except ValueError:
        found = datetime.fromisoformat(text)
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(text) from error
