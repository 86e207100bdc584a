"""The moment that ``--at`` names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from repository.cli.as_of import as_of

END = datetime(2026, 11, 26, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-11-26", END),
        ("2026-11-26T00:00", datetime(2026, 11, 26, tzinfo=UTC)),
        ("2026-11-26T12:00:00Z", datetime(2026, 11, 26, 12, tzinfo=UTC)),
        ("2026-11-26T05:00:00+07:00", datetime(2026, 11, 25, 22, tzinfo=UTC)),
    ],
)
def test_a_day_is_meant_to_its_end_wherever_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, text: str, means: datetime) -> None:
    for zone in ("Asia/Ho_Chi_Minh", "America/Lima"):
        monkeypatch.setenv("TZ", zone)
        assert as_of(text) == means


@pytest.mark.parametrize("text", ["", "2026-11-31", "26/11/2026", "tomorrow"])
def test_what_is_no_date_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"day|isoformat"):
        as_of(text)


def test_behind_the_end_of_the_calendar_there_is_no_moment() -> None:
    with pytest.raises(ValueError, match="9999"):
        as_of("9999-12-31T23:59:59-14:00")
    assert as_of("9999-12-31").year == 9999
