"""Due copies: oldest first, within the budget, never starving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixity.due import Candidate, take_due

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def candidate(key: str, *, days: float = 1, size: int = 10) -> Candidate:
    return Candidate(key, "a", NOW - timedelta(days=days), size)


def keys(taken: object) -> list[str]:
    return [each.key for each in taken]  # type: ignore[attr-defined]


def test_oldest_first_until_the_budget_is_used() -> None:
    queue = [candidate("1", days=3), candidate("2", days=2), candidate("3", days=1)]
    assert keys(take_due(queue, NOW, budget_bytes=20)) == ["1", "2"]
    assert keys(take_due(queue, NOW, budget_bytes=29)) == ["1", "2"]
    assert keys(take_due(queue, NOW)) == ["1", "2", "3"]


def test_what_is_not_due_is_not_taken() -> None:
    queue = [candidate("now", days=0), candidate("later", days=-1)]
    assert keys(take_due(queue, NOW)) == ["now"]


def test_a_copy_larger_than_the_budget_is_taken_when_it_is_oldest() -> None:
    assert keys(take_due([candidate("big", size=1000)], NOW, budget_bytes=1)) == ["big"]


def test_a_large_copy_is_not_overtaken_by_small_ones() -> None:
    queue = [candidate("1", days=3), candidate("big", days=2, size=1000), candidate("3", days=1)]
    assert keys(take_due(queue, NOW, budget_bytes=100)) == ["1"]


@pytest.mark.parametrize("budget", [0, -5])
def test_a_used_up_budget_takes_nothing(budget: int) -> None:
    assert keys(take_due([candidate("1")], NOW, budget_bytes=budget)) == []


def test_copies_without_bytes_are_taken_too() -> None:
    assert keys(take_due([candidate("1", size=0), candidate("2", size=0)], NOW, budget_bytes=1)) == ["1", "2"]


def test_an_unsorted_queue_is_an_error() -> None:
    with pytest.raises(ValueError, match="not oldest first"):
        list(take_due([candidate("1", days=1), candidate("2", days=2)], NOW))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 500)), max_size=25), st.integers(1, 300))
def test_every_copy_is_checked_in_the_end(copies: list[tuple[int, int]], budget: int) -> None:
    """Day after day with the same budget, all due copies are taken, each once, and none before an older one."""
    queue = sorted(
        (Candidate(str(n), "a", NOW - timedelta(days=d), s) for n, (d, s) in enumerate(copies)), key=lambda c: c.check_next
    )
    done: list[Candidate] = []
    for _day in range(len(queue)):
        taken = list(take_due(queue, NOW, budget_bytes=budget))
        assert taken or not queue
        assert sum(each.bytes for each in taken) <= budget or len(taken) == 1 or taken[0].bytes > budget or taken[-1].bytes == 0
        done += taken
        queue = queue[len(taken) :]
    assert not queue
    assert [each.check_next for each in done] == sorted(each.check_next for each in done)
