"""A decision is made at one moment: whoever decides asks the clock once. Asked twice, it gives two answers, and what lies between them (the
end of a quiet time, midnight, a day of which the last second counts) belongs to neither. A clock that stands still would not tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repository.archive import Archive
from repository.attention.entries import attention
from repository.checks.audit import audit_some
from repository.evidence.making import is_due
from repository.progress import Silent
from repository.reports.fixity import fixity_summary
from tests.builders_archive import ArchiveUnderTest, write_tree

SCOPE = {"everything": False, "aip": "", "tier": ""}


class Counted:
    """A clock that says how often it was asked, and goes on at each question."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self.asked = 0

    def now(self) -> datetime:
        self.asked += 1
        self._now += timedelta(seconds=1)
        return self._now


def _chosen(archive: Archive) -> object:
    return audit_some(archive, SCOPE, datetime.now(UTC).isoformat(), [], Silent())


DECISIONS: dict[str, Callable[[Archive], object]] = {
    "what needs attention": attention,
    "what an audit reads next": lambda archive: _chosen(archive),
    "the fixity summary": fixity_summary,
    "whether a batch of evidence is due": is_due,
}


@pytest.fixture
def held(archive: ArchiveUnderTest, tmp_path: Path) -> Archive:
    archive.policy(bytes_per_day='"1GiB"', time_per_day='"2h"')
    archive.deposit(write_tree(tmp_path / "a", {"a.txt": b"a"}))
    archive.audit()
    return archive.engine.archive


@pytest.mark.parametrize("decision", DECISIONS)
def test_who_decides_asks_the_clock_once(decision: str, held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repository.checks.audit.check_copies", lambda *_, **__: {})  # that reads, and enters what it found
    clock = Counted()
    DECISIONS[decision](replace(held, clock=clock))
    assert clock.asked == 1
